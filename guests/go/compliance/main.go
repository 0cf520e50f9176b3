// Compliance is a guest: a guardrail in another process and another language. The same in Python stands in guests/python.
//
//	compliance -brokers localhost:9092 -schemas schemas -keys http://localhost:8124 -token FILE
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"regexp"

	"ledgerline/guests/guest"
)

var promises = regexp.MustCompile(`(?i)\b(guaranteed?|risk[- ]free|can(no|')t lose)\b`)

// judge reads what the agent would say. A new version of it has a new number below: each verdict bears it.
func judge(candidate guest.Candidate) guest.Verdict {
	if found := promises.FindAllStringIndex(candidate.Text, -1); found != nil {
		return guest.Block("promise_of_return", guest.Spans(candidate.Text, found)...)
	}
	return guest.Pass
}

func main() {
	where := guest.Flags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	compliance := guest.Guest{Name: "compliance", Version: "1", Judge: judge}
	if err := compliance.Run(ctx, *where, func() { fmt.Println("judging") }); err != nil {
		log.Fatal(err)
	}
}
