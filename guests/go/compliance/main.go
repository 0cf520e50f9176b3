// Compliance is a guest: a guardrail in another process and another language. It follows the conversation log, reads each
// candidate that it is asked about, and posts its verdict to the inbox.
//
//	compliance -brokers localhost:9092 -schemas schemas -keys http://localhost:8124 -token FILE
//
// It holds no state that it would miss. What it didn't judge in time is decided by its behaviour setting, "silence".
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"ledgerline/guests/wire"
)

const (
	name    = "compliance" // as in guardrails.yaml
	version = "1"          // stands in each verdict: raise it with every change of judge
)

var promises = regexp.MustCompile(`(?i)\b(guaranteed?|risk[- ]free|can(no|')t lose)\b`)

// judge is what this guest is about. Spans count characters, not bytes.
func judge(text string) (passed bool, reasons []string, evidence []map[string]any) {
	for _, found := range promises.FindAllStringIndex(text, -1) {
		start := utf8.RuneCountInString(text[:found[0]])
		end := start + utf8.RuneCountInString(text[found[0]:found[1]])
		evidence = append(evidence, map[string]any{"start": start, "end": end})
	}
	if len(evidence) > 0 {
		return false, []string{"promise_of_return"}, evidence
	}
	return true, []string{}, []map[string]any{}
}

type guest struct {
	client  *kgo.Client
	schemas *wire.Schemas
	keys    *wire.Keys
	inbox   string
	formed  map[int32]map[string]*wire.Event // partition -> candidates of the step at hand
}

// take looks at one record. A step is one fact and all that follows from it: what a guest is asked about stands in the
// same step, before the question. Void records are judged like others: such a verdict names words that nobody will say.
func (g *guest) take(ctx context.Context, record *kgo.Record) {
	event, err := wire.Decode(g.schemas, header(record, "content-type"), record.Value)
	if err != nil {
		return // of a newer version, or no event at all: nothing that a guest was asked
	}
	if event.StepIndex == 0 || g.formed[record.Partition] == nil {
		g.formed[record.Partition] = map[string]*wire.Event{}
	}
	switch event.Type {
	case "CandidateFormed":
		g.formed[record.Partition][event.Payload["candidate_id"].(string)] = event
	case "GuestAsked":
		candidate := g.formed[record.Partition][event.Payload["candidate_id"].(string)]
		if event.Payload["guardrail"] == name && candidate != nil && candidate.StepID == event.StepID {
			go g.answer(ctx, event, candidate)
		}
	}
}

// answer judges and posts within the budget, or not at all. What was said is never logged.
func (g *guest) answer(ctx context.Context, asked, candidate *wire.Event) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(asked.Payload["budget_ms"].(int64))*time.Millisecond)
	defer cancel()
	text, err := g.keys.Open(ctx, candidate, "text")
	if err != nil {
		log.Printf("a candidate can't be opened: %v", err)
		return
	}
	digest, err := g.keys.TextDigest(ctx, candidate.ConversationID, text)
	if err != nil {
		log.Printf("a candidate can't be named: %v", err)
		return
	}
	passed, reasons, evidence := judge(text)
	verdict := &wire.Event{
		EventID:        name + ":" + candidate.EventID, // posted twice, it counts once
		Type:           "GuestVerdictPosted",
		ConversationID: candidate.ConversationID,
		CausationID:    asked.EventID,
		TurnID:         asked.TurnID,
		OccurredAtUs:   time.Now().UnixMicro(),
		Payload: map[string]any{
			"guardrail":     name,
			"candidate_id":  asked.Payload["candidate_id"],
			"text_digest":   digest,
			"passed":        passed,
			"reasons":       reasons,
			"evidence":      evidence,
			"guest_version": version,
			"elapsed_ms":    float64(time.Since(began).Microseconds()) / 1000,
		},
	}
	value, err := wire.Encode(g.schemas, verdict)
	if err != nil {
		log.Printf("a verdict can't be written: %v", err)
		return
	}
	posted := g.client.ProduceSync(ctx, &kgo.Record{
		Topic:   g.inbox,
		Key:     []byte(verdict.ConversationID), // the client's partition is the owner's: murmur2 of the key
		Value:   value,
		Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte(g.schemas.ContentType())}},
	})
	if err := posted.FirstErr(); err != nil {
		log.Printf("the inbox took no verdict in time: %v", err)
	}
}

func main() {
	brokers := flag.String("brokers", "localhost:9092", "host:port[,host:port…]")
	prefix := flag.String("prefix", "", "of the topics' names, where the log has one")
	directory := flag.String("schemas", "schemas", "the project's folder with lock.json and avro/")
	registry := flag.String("registry", "", "URL of a schema registry, for a log that was opened with one")
	keys := flag.String("keys", "http://localhost:8124", "URL of the key service")
	tokenFile := flag.String("token", "", "a file with this guest's token: its role is read")
	flag.Parse()
	if err := run(*brokers, *prefix, *directory, *registry, *keys, *tokenFile); err != nil {
		log.Fatal(err)
	}
}

func run(brokers, prefix, directory, registry, keys, tokenFile string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return err
	}
	inbox := prefix + "support.conversation.inbox.v1"
	schemas, err := wire.Open(directory, registry, inbox)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(brokers, ",")...),
		kgo.ConsumeTopics(prefix+"support.conversation.v1"),
		kgo.ConsumerGroup(prefix+"guest-"+name), // several processes share the partitions
		kgo.DisableAutoCommit(),                 // and begin at the end: nobody waits for an old verdict
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.ProducerLinger(0), // a caller waits
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
			fmt.Println("judging", assigned)
		}),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	service := &wire.Keys{URL: keys, Token: strings.TrimSpace(string(token)), Client: http.DefaultClient}
	g := &guest{client, schemas, service, inbox, map[int32]map[string]*wire.Event{}}
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		fetches.EachError(func(_ string, partition int32, err error) { log.Printf("partition %d: %v", partition, err) })
		fetches.EachRecord(func(record *kgo.Record) { g.take(ctx, record) })
	}
	return nil
}

func header(record *kgo.Record, name string) string {
	for _, header := range record.Headers {
		if header.Key == name {
			return string(header.Value)
		}
	}
	return ""
}
