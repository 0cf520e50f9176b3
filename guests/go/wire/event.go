package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hamba/avro/v2"
)

const (
	frameBytes = 5
	hashBytes  = sha256.Size
	noInbox    = -1
)

// ErrFrame is returned for bytes that don't begin with a frame: a zero byte and a schema id.
var ErrFrame = errors.New("no frame in front")

// Event is an envelope and its payload, private fields sealed as they stand on the log.
// Times are microseconds since the Unix epoch. Seq is contiguous from 1 in its conversation.
type Event struct {
	EventID        string          `avro:"event_id"`
	Type           string          `avro:"type"`
	SchemaVersion  int64           `avro:"schema_version"`
	ConversationID string          `avro:"conversation_id"`
	Seq            int64           `avro:"seq"`
	Epoch          int64           `avro:"epoch"`
	StepID         string          `avro:"step_id"`
	StepIndex      int64           `avro:"step_index"`
	StepSize       int64           `avro:"step_size"`
	Kind           string          `avro:"kind"`
	CausationID    string          `avro:"causation_id"`
	TurnID         *string         `avro:"turn_id"`
	RunID          *string         `avro:"run_id"`
	DeciderVersion *string         `avro:"decider_version"`
	OccurredAtUs   int64           `avro:"occurred_at_us"`
	AcceptedAtUs   int64           `avro:"accepted_at_us"`
	InboxMark      int64           `avro:"inbox_mark"`
	KeyID          *string         `avro:"key_id"`
	Payload        map[string]any  `avro:"payload"`
	PrevHash       [hashBytes]byte `avro:"prev_hash"`
	Hash           [hashBytes]byte `avro:"hash"`

	// HashHolds is whether the bytes are those that Hash was made over: SHA-256 of all that stands before it.
	HashHolds bool `avro:"-"`
}

// Decode reads a record's value; contentType is the record's header of that name.
func Decode(schemas *Schemas, contentType string, value []byte) (*Event, error) {
	if len(value) < frameBytes+hashBytes || value[0] != 0 {
		return nil, ErrFrame
	}
	schema, err := schemas.of(contentType).byID(binary.BigEndian.Uint32(value[1:frameBytes]))
	if err != nil {
		return nil, err
	}
	body := value[frameBytes:]
	event := &Event{}
	if err := avro.Unmarshal(schema.avro, body, event); err != nil {
		return nil, fmt.Errorf("%s v%d: %w", schema.Type, schema.Version, err)
	}
	if event.Type != schema.Type || event.SchemaVersion != int64(schema.Version) {
		return nil, fmt.Errorf("another event under the schema of %s v%d", schema.Type, schema.Version)
	}
	before, stated := body[:len(body)-hashBytes], body[len(body)-hashBytes:]
	computed := sha256.Sum256(before)
	event.HashHolds = bytes.Equal(computed[:], stated) && event.Hash == computed
	return event, nil
}

// Encode gives a record's value for a fact that is to be put on the inbox, in the newest version of its type.
func Encode(schemas *Schemas, fact *Event) ([]byte, error) {
	schema, err := schemas.of(schemas.ContentType()).newest(fact.Type)
	if err != nil {
		return nil, err
	}
	stamped := *fact
	stamped.Kind, stamped.SchemaVersion, stamped.InboxMark = "fact", int64(schema.Version), noInbox
	body, err := avro.Marshal(schema.avro, &stamped)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(body[:len(body)-hashBytes])
	copy(body[len(body)-hashBytes:], hash[:])
	frame := binary.BigEndian.AppendUint32([]byte{0}, schema.ID)
	return append(frame, body...), nil
}
