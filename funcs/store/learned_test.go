package store_test

import (
	"io"
	"strings"
	"testing"

	"github.com/rescuecue/rescue/funcs/store"
	"github.com/rescuecue/rescue/funcs/store/cloudtest"
)

// The keys of a role are told as soon as they are there, so that they can be taken out of
// errors in which a server repeats them.
func TestLearnedKeys(t *testing.T) {
	cloud := cloudtest.TalkativeS3(t)
	keys := &store.Learned{}
	s, err := store.Open(store.Learning(t.Context(), keys.Add), cloud.Profile)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), "a", io.Discard)
	if err == nil || !strings.Contains(err.Error(), cloud.Canaries[0]) {
		t.Fatalf("the server does not repeat the keys: %v", err)
	}
	text := keys.Mask(err.Error())
	for _, canary := range cloud.Canaries {
		if strings.Contains(text, canary) {
			t.Errorf("%s is in: %s", canary, text)
		}
	}
	if !strings.Contains(text, "refused to *** with ***") {
		t.Errorf("too much was masked: %s", text)
	}
}

// What is too short for a key is not masked.
func TestLearnedShort(t *testing.T) {
	keys := &store.Learned{}
	keys.Add("")
	keys.Add("a")
	if got := keys.Mask("a bucket"); got != "a bucket" {
		t.Errorf("got %q", got)
	}
}
