// Package guest is what every guest does: it follows the conversation log, takes the candidates that it is asked about,
// and posts its verdicts to the inbox. It holds no state that it would miss: what wasn't judged in time is decided by the
// behaviour setting "silence".
package guest

import "unicode/utf8"

// Guest is a guardrail of another team.
type Guest struct {
	Name    string // as in guardrails.yaml
	Version string // stands in each verdict: letters, digits and . _ + -, up to 64
	Judge   Judge
}

// Judge says of one candidate whether it may be said. It is called from many goroutines at once. What takes longer than
// the candidate's budget counts as silence.
type Judge func(Candidate) Verdict

// Candidate is what the agent would say. Text is private: it belongs into no log and no reason.
type Candidate struct {
	ConversationID, CandidateID string
	TurnID                      string // empty where none is open
	Intent, Action, Origin      string // Origin: model, approved or tool
	Text                        string
	Required                    bool // the reply waits for this verdict
	BudgetMs                    int64
}

// Span is a stretch of the text, half-open, in characters (Unicode code points).
type Span struct{ Start, End int }

// Verdict is made by Block, or is Pass.
type Verdict struct {
	passed   bool
	reasons  []string
	evidence []map[string]any
}

// Pass lets a candidate be said.
var Pass = Verdict{passed: true, reasons: []string{}, evidence: []map[string]any{}}

// Block keeps a candidate from being said. The reason isn't sealed: a name of a-z, 0-9 and _, up to 64, and no words of
// the text.
func Block(reason string, evidence ...Span) Verdict {
	verdict := Verdict{reasons: []string{reason}, evidence: []map[string]any{}}
	for _, span := range evidence {
		verdict.evidence = append(verdict.evidence, map[string]any{"start": span.Start, "end": span.End})
	}
	return verdict
}

// Spans counts in characters what package regexp found in bytes.
func Spans(text string, found [][]int) []Span {
	spans := make([]Span, 0, len(found))
	for _, at := range found {
		start := utf8.RuneCountInString(text[:at[0]])
		spans = append(spans, Span{start, start + utf8.RuneCountInString(text[at[0]:at[1]])})
	}
	return spans
}
