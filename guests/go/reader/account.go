package main

import (
	"ledgerline/guests/wire"
)

// Problem names one record that is wrong, or one event that is missing.
type Problem struct {
	Kind           string `json:"kind"`
	Partition      int32  `json:"partition"`
	Offset         int64  `json:"offset"`
	ConversationID string `json:"conversation_id,omitempty"`
	Seq            int64  `json:"seq,omitempty"`
}

const problemsShown = 50

// Account is what the reader reports. All but the first five are 0 on a log that is whole.
type Account struct {
	Records       int `json:"records"`
	Conversations int `json:"conversations"`
	Effective     int `json:"effective"`
	Void          int `json:"void"`
	Acknowledged  int `json:"acknowledged"` // facts whose ids were given

	Lost         int `json:"lost"`            // events that are missing in the numbering of their conversation
	Doubled      int `json:"doubled"`         // effective events whose number or id was effective before
	OutOfOrder   int `json:"out_of_order"`    // effective events that stand behind a later one
	FactsLost    int `json:"facts_lost"`      // acknowledged facts that aren't effective
	BrokenChains int `json:"broken_chains"`   // effective events that don't name the hash of the one before
	WrongHashes  int `json:"wrong_hashes"`    // records whose bytes aren't those that their hash was made over
	BrokenSteps  int `json:"broken_steps"`    // effective records that don't follow on their step
	Undecodable  int `json:"undecodable"`     // values that are no event
	Misplaced    int `json:"misplaced"`       // records under another key, or in another partition, than they belong to
	Unannounced  int `json:"unannounced"`     // records of an epoch that no owner had announced
	MissingSlots int `json:"offsets_missing"` // offsets of the partition at which nothing stands

	Problems []Problem `json:"problems"` // the first of them
}

func (a *Account) note(count *int, problem Problem) {
	*count++
	if len(a.Problems) < problemsShown {
		a.Problems = append(a.Problems, problem)
	}
}

// conversation is what is known of one of them. Numbers begin at 1.
type conversation struct {
	next    int64 // the number that should come
	hash    [32]byte
	missing map[int64]Problem // numbers below next that didn't come yet, and where that was noticed
}

// partition counts one partition of the log.
type partition struct {
	number        int32
	filter        wire.Effective
	next          int64 // offset
	conversations map[string]*conversation
	account       *Account
	ids           map[string]bool // effective ids of all partitions
}

// record is a record of the topic, of this partition, in order of offset.
type record struct {
	offset        int64
	key           []byte
	contentType   string
	value         []byte
	importedUnder *int64
}

func (p *partition) take(schemas *wire.Schemas, r record) {
	p.account.Records++
	at := Problem{Partition: p.number, Offset: r.offset, ConversationID: string(r.key)}
	if r.offset != p.next {
		p.account.note(&p.account.MissingSlots, at.as("offset_missing"))
	}
	p.next = r.offset + 1
	event, err := wire.Decode(schemas, r.contentType, r.value)
	if err != nil {
		p.account.note(&p.account.Undecodable, at.as("undecodable"))
		return
	}
	at.Seq = event.Seq
	if !event.HashHolds {
		p.account.note(&p.account.WrongHashes, at.as("wrong_hash"))
	}
	if event.ConversationID != string(r.key) {
		p.account.note(&p.account.Misplaced, at.as("misplaced"))
	}
	if event.Kind != "control" && r.importedUnder == nil && event.Epoch > p.filter.Epoch {
		p.account.note(&p.account.Unannounced, at.as("unannounced_epoch"))
	}
	delivered, fate := p.filter.Feed(event, r.importedUnder)
	if fate == wire.Broken {
		p.account.note(&p.account.BrokenSteps, at.as("broken_step"))
	}
	for _, effective := range delivered {
		p.count(effective, at)
	}
}

// count takes an effective event. A copied number or id counts once, whichever of the two it was noticed by.
func (p *partition) count(event *wire.Event, at Problem) {
	p.account.Effective++
	at.Seq = event.Seq
	known := p.conversations[event.ConversationID]
	if known == nil {
		known = &conversation{next: 1, missing: map[int64]Problem{}}
		p.conversations[event.ConversationID] = known
	}
	_, wasMissing := known.missing[event.Seq]
	switch {
	case p.ids[event.EventID] || (event.Seq < known.next && !wasMissing):
		p.account.note(&p.account.Doubled, at.as("doubled"))
		return
	case event.Seq < known.next:
		p.account.note(&p.account.OutOfOrder, at.as("out_of_order"))
		delete(known.missing, event.Seq)
	default:
		for ; known.next < event.Seq; known.next++ {
			gap := at.as("lost")
			gap.Seq = known.next
			known.missing[known.next] = gap
		}
		known.next++
		if event.PrevHash != known.hash {
			p.account.note(&p.account.BrokenChains, at.as("broken_chain"))
		}
	}
	p.ids[event.EventID] = true
	known.hash = event.Hash
}

// close counts what is known only at the end.
func (p *partition) close() {
	p.account.Void += p.filter.Void + p.filter.HalfStep()
	p.account.Conversations += len(p.conversations)
	for _, known := range p.conversations {
		for _, gap := range known.missing {
			p.account.note(&p.account.Lost, gap)
		}
	}
}

func (p Problem) as(kind string) Problem {
	p.Kind = kind
	return p
}
