package guest

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"ledgerline/guests/wire"
)

// Where says where the log, its schemas and the keys are.
type Where struct{ Brokers, Prefix, Schemas, Registry, Keys, TokenFile string }

// Flags are Where's on a command line.
func Flags(flags *flag.FlagSet) *Where {
	where := &Where{}
	flags.StringVar(&where.Brokers, "brokers", "localhost:9092", "host:port[,host:port…]")
	flags.StringVar(&where.Prefix, "prefix", "", "of the topics' names, where the log has one")
	flags.StringVar(&where.Schemas, "schemas", "schemas", "the project's folder with lock.json and avro/")
	flags.StringVar(&where.Registry, "registry", "", "URL of a schema registry, for a log that was opened with one")
	flags.StringVar(&where.Keys, "keys", "http://localhost:8124", "URL of the key service")
	flags.StringVar(&where.TokenFile, "token", "", "a file with this guest's token: its role is read")
	return where
}

// Run judges until ctx ends. It calls ready each time that partitions are given to it: from then on it misses none of
// their questions. It returns an error only where it can't begin.
func (g Guest) Run(ctx context.Context, where Where, ready func()) error {
	token, err := os.ReadFile(where.TokenFile)
	if err != nil {
		return fmt.Errorf("the key service's token (-token): %w", err)
	}
	inbox := where.Prefix + "support.conversation.inbox.v1"
	schemas, err := wire.Open(where.Schemas, where.Registry, inbox)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(where.Brokers, ",")...),
		kgo.ConsumeTopics(where.Prefix+"support.conversation.v1"),
		kgo.ConsumerGroup(where.Prefix+"guest-"+g.Name), // several processes share the partitions
		kgo.DisableAutoCommit(),                         // and begin at the end: nobody waits for an old verdict
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.ProducerLinger(0), // a caller waits
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { ready() }),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	keys := &wire.Keys{URL: where.Keys, Token: strings.TrimSpace(string(token)), Client: http.DefaultClient}
	f := follower{g, client, schemas, keys, inbox, map[int32]map[string]*wire.Event{}}
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		fetches.EachError(func(_ string, partition int32, err error) { log.Printf("partition %d: %v", partition, err) })
		fetches.EachRecord(func(record *kgo.Record) { f.take(ctx, record) })
	}
	return nil
}

type follower struct {
	guest   Guest
	client  *kgo.Client
	schemas *wire.Schemas
	keys    *wire.Keys
	inbox   string
	formed  map[int32]map[string]*wire.Event // partition -> candidates of the step at hand
}

// take looks at one record. A step is one fact and all that follows from it: what a guest is asked about stands in the
// same step, before the question. Void records are judged like others: such a verdict names words that nobody will say.
func (f *follower) take(ctx context.Context, record *kgo.Record) {
	event, err := wire.Decode(f.schemas, header(record, "content-type"), record.Value)
	if err != nil {
		return // of a newer version, or no event at all: nothing that a guest was asked
	}
	if event.StepIndex == 0 || f.formed[record.Partition] == nil {
		f.formed[record.Partition] = map[string]*wire.Event{}
	}
	switch event.Type {
	case "CandidateFormed":
		f.formed[record.Partition][event.Payload["candidate_id"].(string)] = event
	case "GuestAsked":
		formed := f.formed[record.Partition][event.Payload["candidate_id"].(string)]
		if event.Payload["guardrail"] == f.guest.Name && formed != nil && formed.StepID == event.StepID {
			go f.answer(ctx, event, formed)
		}
	}
}

// answer judges and posts within the budget, or not at all. What was said is never logged.
func (f *follower) answer(ctx context.Context, asked, formed *wire.Event) {
	began := time.Now()
	budgetMs := asked.Payload["budget_ms"].(int64)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(budgetMs)*time.Millisecond)
	defer cancel()
	text, err := f.keys.Open(ctx, formed, "text")
	if err != nil {
		log.Printf("a candidate can't be opened: %v", err)
		return
	}
	digest, err := f.keys.TextDigest(ctx, formed.ConversationID, text)
	if err != nil {
		log.Printf("a candidate can't be named: %v", err)
		return
	}
	verdict := f.guest.Judge(candidate(asked, formed, text))
	fact := &wire.Event{
		EventID:        f.guest.Name + ":" + formed.EventID, // posted twice, it counts once
		Type:           "GuestVerdictPosted",
		ConversationID: formed.ConversationID,
		CausationID:    asked.EventID,
		TurnID:         asked.TurnID,
		OccurredAtUs:   time.Now().UnixMicro(),
		Payload: map[string]any{
			"guardrail":     f.guest.Name,
			"candidate_id":  asked.Payload["candidate_id"],
			"text_digest":   digest,
			"passed":        verdict.passed,
			"reasons":       verdict.reasons,
			"evidence":      verdict.evidence,
			"guest_version": f.guest.Version,
			"elapsed_ms":    float64(time.Since(began).Microseconds()) / 1000,
		},
	}
	if err := f.post(ctx, fact); err != nil {
		log.Printf("a verdict isn't on the inbox: %v", err)
	}
}

func (f *follower) post(ctx context.Context, fact *wire.Event) error {
	value, err := wire.Encode(f.schemas, fact)
	if err != nil {
		return err
	}
	return f.client.ProduceSync(ctx, &kgo.Record{
		Topic:   f.inbox,
		Key:     []byte(fact.ConversationID), // the client's partition is the owner's: murmur2 of the key
		Value:   value,
		Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte(f.schemas.ContentType())}},
	}).FirstErr()
}

func candidate(asked, formed *wire.Event, text string) Candidate {
	payload := formed.Payload
	turn := ""
	if asked.TurnID != nil {
		turn = *asked.TurnID
	}
	return Candidate{
		ConversationID: formed.ConversationID, CandidateID: payload["candidate_id"].(string), TurnID: turn,
		Intent: payload["intent"].(string), Action: payload["action"].(string), Origin: payload["origin"].(string),
		Text: text, Required: asked.Payload["required"].(bool), BudgetMs: asked.Payload["budget_ms"].(int64),
	}
}

func header(record *kgo.Record, name string) string {
	for _, header := range record.Headers {
		if header.Key == name {
			return string(header.Value)
		}
	}
	return ""
}
