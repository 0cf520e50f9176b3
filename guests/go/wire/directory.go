package wire

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// directory holds the released schemas: avro/<Type>.v<N>.avsc, and their ids in lock.json.
type directory struct {
	ids   map[uint32]*Schema
	types map[string]*Schema
}

func fromDirectory(path string) (source, error) {
	content, err := os.ReadFile(filepath.Join(path, "lock.json"))
	if err != nil {
		return nil, err
	}
	var lock map[string]struct {
		ID uint32 `json:"id"`
	}
	if err := json.Unmarshal(content, &lock); err != nil {
		return nil, fmt.Errorf("lock.json: %w", err)
	}
	found := directory{map[uint32]*Schema{}, map[string]*Schema{}}
	for name, entry := range lock {
		text, err := os.ReadFile(filepath.Join(path, "avro", name+".avsc"))
		if err != nil {
			return nil, err
		}
		schema, err := parse(entry.ID, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		found.ids[schema.ID] = schema
		if known := found.types[schema.Type]; known == nil || known.Version < schema.Version {
			found.types[schema.Type] = schema
		}
	}
	return found, nil
}

func (d directory) byID(id uint32) (*Schema, error) {
	if schema := d.ids[id]; schema != nil {
		return schema, nil
	}
	return nil, fmt.Errorf("schema id %d was never released", id)
}

func (d directory) newest(eventType string) (*Schema, error) {
	if schema := d.types[eventType]; schema != nil {
		return schema, nil
	}
	return nil, fmt.Errorf("no schema of %s was released", eventType)
}
