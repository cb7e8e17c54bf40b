package schedule

import (
	"slices"
	"testing"

	"github.com/rescuecue/rescue/interp"
)

// order starts and ends one phase after the other.
func order(s *Schedule) []string {
	var names []string
	for ph := s.Next(); ph != nil; ph = s.Next() {
		names = append(names, ph.Name)
		s.Finish(ph.Name)
	}
	return names
}

func TestOrder(t *testing.T) {
	inOrder := func(name string) *interp.Phase { return &interp.Phase{Name: name, InOrder: true} }
	after := func(name string, before ...string) *interp.Phase { return &interp.Phase{Name: name, After: before} }
	for name, test := range map[string]struct {
		phases []*interp.Phase
		want   []string
	}{
		"as written":             {[]*interp.Phase{inOrder("a"), inOrder("b"), inOrder("c")}, []string{"a", "b", "c"}},
		"what waits comes last":  {[]*interp.Phase{after("a", "c"), after("b"), after("c")}, []string{"b", "c", "a"}},
		"undecided is not there": {[]*interp.Phase{inOrder("a"), {Name: "b", Undecided: true}, after("c", "a")}, []string{"a", "c"}},
		"a circle never starts":  {[]*interp.Phase{after("a", "b"), after("b", "a"), after("c")}, []string{"c"}},
	} {
		if got := order(New(test.phases)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, expected %v", name, got, test.want)
		}
	}
}

// A later plan goes on where the present one is.
func TestExtend(t *testing.T) {
	list := &interp.Phase{Name: "list", InOrder: true}
	s := New([]*interp.Phase{list})
	if got := order(s); !slices.Equal(got, []string{"list"}) {
		t.Fatal(got)
	}
	s.Extend([]*interp.Phase{list, {Name: "dump", InOrder: true}, {Name: "keep", After: []string{"dump"}}})
	if got := order(s); !slices.Equal(got, []string{"dump", "keep"}) {
		t.Errorf("after the new plan: %v", got)
	}
	if left := s.Waiting(); len(left) != 0 || !s.Done("keep") {
		t.Errorf("waiting: %v", left)
	}
}
