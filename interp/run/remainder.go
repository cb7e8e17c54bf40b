package run

// DeferPhase is the name of the defer phase in journals and in Earlier.
const DeferPhase = "(deferPhase)"

// Remainder is what is left to do of a run that is not complete.
type Remainder struct {
	// Open are phases that were started and are not complete. Whether they did their
	// work nobody knows: somebody has to decide what becomes of them.
	Open []PhaseRecord
	// Over says that no phase but the defer phase is to be run any more, because that
	// had begun.
	Over bool
	// DeferHasRun says that the defer phase has run though phases are left. What it did
	// may have undone phases that are complete.
	DeferHasRun bool
}

// Remainder says what is left to do.
func (s *Summary) Remainder() Remainder {
	final := s.Phase(DeferPhase)
	begun := final != nil && final.State != Pending
	open := s.unfinished()
	switch {
	case s.State == Running && begun:
		// It was killed when the phases were over.
		return Remainder{Open: openDefer(final), Over: true}
	case s.State == Running:
		return Remainder{Open: open}
	case len(open) == 0 && s.State != Cancelled:
		return Remainder{Open: openDefer(final), Over: true}
	}
	return Remainder{Open: open, DeferHasRun: begun}
}

// unfinished lists the phases, the defer phase aside, that may have to be run again.
func (s *Summary) unfinished() []PhaseRecord {
	var open []PhaseRecord
	for _, p := range s.Phases {
		if p.Name != DeferPhase && p.State != Complete && p.State != Pending {
			open = append(open, p)
		}
	}
	return open
}

func openDefer(final *PhaseRecord) []PhaseRecord {
	if final == nil || final.State == Complete || final.State == Pending {
		return nil
	}
	return []PhaseRecord{*final}
}
