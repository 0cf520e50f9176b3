// Partitions puts an empty record under each key that it reads, one a line, where the client likes: as guests do, and all
// who tell this library nothing of a partitioner.
//
//	partitions -brokers localhost:9092 -topic T < KEYS
package main

import (
	"bufio"
	"context"
	"flag"
	"log"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	brokers := flag.String("brokers", "localhost:9092", "host:port[,host:port…]")
	topic := flag.String("topic", "", "a topic to try it on")
	flag.Parse()
	if err := put(strings.Split(*brokers, ","), *topic); err != nil {
		log.Fatal(err)
	}
}

func put(brokers []string, topic string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	var records []*kgo.Record
	keys := bufio.NewScanner(os.Stdin)
	for keys.Scan() {
		records = append(records, &kgo.Record{Topic: topic, Key: []byte(keys.Text())})
	}
	if err := keys.Err(); err != nil {
		return err
	}
	return client.ProduceSync(ctx, records...).FirstErr()
}
