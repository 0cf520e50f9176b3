package wire

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// registry asks a schema registry once for each id (Confluent's REST API, which others speak too). Subjects are
// <topic>-<record's full name>.
type registry struct {
	url, topic string
	client     *http.Client
	mutex      sync.Mutex
	known      map[uint32]*Schema
}

func fromRegistry(url, topic string) source {
	client := &http.Client{Timeout: 5 * time.Second}
	return &registry{url: strings.TrimRight(url, "/"), topic: topic, client: client, known: map[uint32]*Schema{}}
}

func (r *registry) byID(id uint32) (*Schema, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if schema := r.known[id]; schema != nil {
		return schema, nil
	}
	var answer struct {
		Schema string `json:"schema"`
	}
	if err := r.get("/schemas/ids/"+strconv.FormatUint(uint64(id), 10), &answer); err != nil {
		return nil, err
	}
	schema, err := parse(id, answer.Schema)
	if err != nil {
		return nil, fmt.Errorf("schema id %d: %w", id, err)
	}
	r.known[id] = schema
	return schema, nil
}

func (r *registry) newest(eventType string) (*Schema, error) {
	var answer struct {
		ID uint32 `json:"id"`
	}
	subject := fmt.Sprintf("/subjects/%s-ledgerline.%s.%s/versions/latest", r.topic, eventType, eventType)
	if err := r.get(subject, &answer); err != nil {
		return nil, err
	}
	return r.byID(answer.ID)
}

func (r *registry) get(path string, into any) error {
	response, err := r.client.Get(r.url + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the registry answered %s to %s", response.Status, path)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
