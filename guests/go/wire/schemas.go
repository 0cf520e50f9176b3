// Package wire reads and writes the records of a conversation log. It was written from the documentation
// (docs/architecture.md, docs/guests.md, docs/asyncapi.yaml) and shares no code with the log's owners.
package wire

import (
	"encoding/json"

	"github.com/hamba/avro/v2"
)

// Schema is one version of one event type.
type Schema struct {
	ID      uint32 `json:"-"`
	Type    string `json:"name"`
	Version int    `json:"version"`

	avro avro.Schema
}

// OfRegistry is the content type of values whose schema ids are a registry's; OfLockFile: those of schemas/lock.json.
const (
	OfRegistry = "application/vnd.confluent.avro"
	OfLockFile = "application/vnd.ledgerline.avro"
)

// Schemas finds schemas by the id in a record's frame, and the newest version of a type.
type Schemas struct {
	released source
	registry source // nil where none is used
}

type source interface {
	byID(id uint32) (*Schema, error)
	newest(eventType string) (*Schema, error)
}

// Open reads the released schemas from the project's folder "schemas"; registryURL is empty where none is used. Events
// are written for inbox, the inbox's topic.
func Open(path, registryURL, inbox string) (*Schemas, error) {
	released, err := fromDirectory(path)
	if err != nil || registryURL == "" {
		return &Schemas{released: released}, err
	}
	return &Schemas{released, fromRegistry(registryURL, inbox)}, nil
}

// of gives the source of the ids under a content type.
func (s *Schemas) of(contentType string) source {
	if s.registry != nil && contentType == OfRegistry {
		return s.registry
	}
	return s.released
}

// ContentType is that of the values that Encode gives.
func (s *Schemas) ContentType() string {
	if s.registry != nil {
		return OfRegistry
	}
	return OfLockFile
}

func parse(id uint32, text string) (*Schema, error) {
	// A cache of its own: every version of a type has the same name, and so have the parts in it.
	schema, err := avro.ParseWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		return nil, err
	}
	stated := &Schema{ID: id, avro: schema}
	if err := json.Unmarshal([]byte(text), stated); err != nil {
		return nil, err
	}
	return stated, nil
}
