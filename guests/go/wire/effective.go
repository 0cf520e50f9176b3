package wire

// ImportedUnder is the header of a copy from another log: the epoch of the owner that imported it.
const ImportedUnder = "ledgerline-imported-under"

// Fate is what became of a record.
type Fate int

const (
	Held   Fate = iota // its step isn't whole yet
	Whole              // it completes what Feed returns
	Void               // it doesn't count: for no reader
	Broken             // it doesn't follow what stands before it: the log was damaged
)

// Effective applies the void rule to one partition. Feed it the records in order of offset, from the first.
//
//   - An OwnerTook whose epoch isn't above the one in force is void itself; else its epoch is in force from here on, and
//     what was held of an unfinished step is void.
//   - A record of another epoch than the one in force is void. A copy from another log counts by itself if its header
//     names the epoch in force.
//   - The records of a step count once its last one was read.
type Effective struct {
	Epoch int64
	Void  int // records that don't count, of unfinished steps too

	held        []*Event
	passingOver bool // the rest of a step that was given up
}

// HalfStep is how many records of an unfinished step are held.
func (e *Effective) HalfStep() int { return len(e.held) }

// Feed takes the next record; importedUnder is nil where it is no copy. The events that it completes are effective.
func (e *Effective) Feed(event *Event, importedUnder *int64) ([]*Event, Fate) {
	if event.Kind == "control" {
		return nil, e.announce(event)
	}
	if importedUnder != nil {
		if *importedUnder != e.Epoch {
			return nil, e.void(1)
		}
		return []*Event{event}, Whole
	}
	if event.Epoch != e.Epoch {
		return nil, e.void(1)
	}
	if e.passingOver && event.StepIndex != 0 {
		return nil, e.void(1)
	}
	e.passingOver = false
	if !e.follows(event) {
		e.void(len(e.held))
		e.held = nil
		if event.StepIndex != 0 {
			e.passingOver = true
			e.void(1)
			return nil, Broken
		}
		e.held = []*Event{event}
		if event.StepSize > 1 {
			return nil, Broken
		}
		return e.deliver(), Broken
	}
	e.held = append(e.held, event)
	if int64(len(e.held)) < event.StepSize {
		return nil, Held
	}
	return e.deliver(), Whole
}

func (e *Effective) follows(event *Event) bool {
	if event.StepIndex != int64(len(e.held)) {
		return false
	}
	return len(e.held) == 0 || e.held[0].StepID == event.StepID
}

func (e *Effective) deliver() []*Event {
	step := e.held
	e.held = nil
	return step
}

func (e *Effective) announce(event *Event) Fate {
	epoch, isNumber := event.Payload["epoch"].(int64)
	if event.Type != "OwnerTook" || !isNumber || epoch <= e.Epoch {
		return e.void(1)
	}
	e.void(len(e.held))
	e.Epoch, e.held, e.passingOver = epoch, nil, false
	return Whole
}

func (e *Effective) void(records int) Fate {
	e.Void += records
	return Void
}
