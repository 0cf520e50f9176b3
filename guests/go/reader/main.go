// The independent reader counts what stands on a conversation log: lost, doubled, out of order. It shares no code with
// those who wrote it: another language, another Kafka client, another Avro library, and the void rule as documented.
//
//	reader -brokers localhost:9092 -schemas schemas [-topic T] [-registry URL] [-acknowledged FILE] [-timeout 60s]
//
// -acknowledged: a file with the id of a fact a line, each of which an inbox acknowledged. It prints JSON, and ends with 0
// if nothing is wrong, 1 if something is, 2 if the log can't be read.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ledgerline/guests/wire"
)

func main() {
	brokers := flag.String("brokers", "", "host:port[,host:port…]")
	topic := flag.String("topic", "support.conversation.v1", "the conversation log")
	directory := flag.String("schemas", "schemas", "the project's folder with lock.json and avro/")
	registry := flag.String("registry", "", "URL of a schema registry, for a log that was opened with one")
	acknowledged := flag.String("acknowledged", "", "a file with ids of acknowledged facts, one a line")
	timeout := flag.Duration("timeout", time.Minute, "give up after")
	flag.Parse()

	account, err := read(*brokers, *topic, *directory, *registry, *acknowledged, *timeout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "the log can't be read:", err)
		os.Exit(2)
	}
	shown, err := json.MarshalIndent(account, "", " ")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Println(string(shown))
	if len(account.Problems) > 0 {
		os.Exit(1)
	}
}

func read(brokers, topic, directory, registry, acknowledged string, timeout time.Duration) (*Account, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	schemas, err := wire.Open(directory, registry, topic)
	if err != nil {
		return nil, err
	}
	account := &Account{Problems: []Problem{}}
	ids := map[string]bool{}
	partitions, err := consume(ctx, strings.Split(brokers, ","), topic, schemas, account, ids)
	if err != nil {
		return nil, err
	}
	for _, p := range partitions {
		p.close()
	}
	if acknowledged != "" {
		if err := compare(acknowledged, account, ids); err != nil {
			return nil, err
		}
	}
	return account, nil
}

// consume reads every partition from its first record to the end as it is now. There is no consumer group in it.
func consume(
	ctx context.Context, brokers []string, topic string, schemas *wire.Schemas, account *Account, ids map[string]bool,
) ([]*partition, error) {
	admin, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, err
	}
	starts, ends, err := bounds(ctx, kadm.NewClient(admin), topic)
	admin.Close()
	if err != nil {
		return nil, err
	}
	partitions := make([]*partition, 0, len(ends))
	from := map[int32]kgo.Offset{}
	for number := range int32(len(ends)) {
		partitions = append(partitions, &partition{
			number: number, next: starts[number], conversations: map[string]*conversation{}, account: account, ids: ids,
		})
		from[number] = kgo.NewOffset().At(starts[number])
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic(topic) // with a key: Kafka's default, murmur2
	for behind(partitions, ends) {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return nil, err
		}
		var failed error
		fetches.EachError(func(_ string, _ int32, err error) { failed = errors.Join(failed, err) })
		if failed != nil {
			return nil, failed
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset >= ends[r.Partition] {
				return
			}
			if len(r.Key) > 0 && partitioner.Partition(r, len(partitions)) != int(r.Partition) {
				account.note(&account.Misplaced, Problem{Kind: "other_partition", Partition: r.Partition, Offset: r.Offset})
			}
			taken := record{r.Offset, r.Key, header(r, "content-type"), r.Value, importedUnder(r)}
			partitions[r.Partition].take(schemas, taken)
		})
	}
	return partitions, nil
}

func behind(partitions []*partition, ends map[int32]int64) bool {
	for _, p := range partitions {
		if p.next < ends[p.number] {
			return true
		}
	}
	return false
}

// bounds gives the first offset of each partition, and the one that the next record will have.
func bounds(ctx context.Context, admin *kadm.Client, topic string) (map[int32]int64, map[int32]int64, error) {
	listed := make([]map[int32]int64, 0, 2)
	for _, list := range []func(context.Context, ...string) (kadm.ListedOffsets, error){
		admin.ListStartOffsets, admin.ListEndOffsets,
	} {
		offsets, err := list(ctx, topic)
		if err == nil {
			err = offsets.Error()
		}
		if err != nil {
			return nil, nil, err
		}
		found := map[int32]int64{}
		offsets.Each(func(offset kadm.ListedOffset) { found[offset.Partition] = offset.Offset })
		if len(found) == 0 {
			return nil, nil, fmt.Errorf("no topic %s", topic)
		}
		listed = append(listed, found)
	}
	return listed[0], listed[1], nil
}

func importedUnder(r *kgo.Record) *int64 {
	epoch, err := strconv.ParseInt(header(r, wire.ImportedUnder), 10, 64)
	if err != nil {
		return nil
	}
	return &epoch
}

func header(r *kgo.Record, name string) string {
	for _, header := range r.Headers {
		if header.Key == name {
			return string(header.Value)
		}
	}
	return ""
}

// compare counts the facts that an inbox acknowledged and that aren't effective.
func compare(path string, account *Account, effective map[string]bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	given := map[string]bool{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if id := strings.TrimSpace(lines.Text()); id != "" {
			given[id] = true
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	account.Acknowledged = len(given)
	lost := []string{}
	for id := range given {
		if !effective[id] {
			lost = append(lost, id)
		}
	}
	sort.Strings(lost)
	for _, id := range lost {
		account.note(&account.FactsLost, Problem{Kind: "fact_lost:" + id, Partition: -1, Offset: -1})
	}
	return nil
}
