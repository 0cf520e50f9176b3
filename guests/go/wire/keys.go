package wire

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// ErrNoKey is returned where the conversation's key was destroyed, or never made.
var ErrNoKey = errors.New("this conversation has no key")

// keepKeys is how long a key is used before it is asked for again: destroying a key at the service forgets.
const keepKeys = 5 * time.Minute

const mostKeys = 10_000

// Keys asks a key service for the keys of conversations, each once in a while. Its fields are set before it is used.
type Keys struct {
	URL, Token string
	Client     *http.Client

	mutex sync.Mutex
	held  map[string]heldKey
}

type heldKey struct {
	secret []byte
	until  time.Time
}

// Open gives the plain text of a private field of the event's payload.
func (k *Keys) Open(ctx context.Context, event *Event, field string) (string, error) {
	sealed, isBytes := event.Payload[field].([]byte)
	if !isBytes {
		return "", fmt.Errorf("%s has no sealed field %s", event.Type, field)
	}
	secret, err := k.get(ctx, event.ConversationID)
	if err != nil {
		return "", err
	}
	plain, err := unseal(secret, sealed, event.ConversationID, event.EventID, field)
	if err != nil {
		return "", err
	}
	var text string
	err = json.Unmarshal(plain, &text)
	return text, err
}

// TextDigest binds a verdict to the words that were judged: HMAC-SHA256, hex, under a key derived from the conversation's.
func (k *Keys) TextDigest(ctx context.Context, conversationID, text string) (string, error) {
	secret, err := k.get(ctx, conversationID)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(mac(mac(secret, "ledgerline digest"), text)), nil
}

func mac(key []byte, text string) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(text))
	return hash.Sum(nil)
}

func (k *Keys) get(ctx context.Context, conversationID string) ([]byte, error) {
	k.mutex.Lock()
	held, known := k.held[conversationID]
	k.mutex.Unlock()
	now := time.Now()
	if known && now.Before(held.until) {
		return held.secret, nil
	}
	secret, err := k.fetch(ctx, conversationID)
	if err != nil {
		return nil, err
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.held == nil || len(k.held) >= mostKeys {
		k.held = map[string]heldKey{}
	}
	k.held[conversationID] = heldKey{secret, now.Add(keepKeys)}
	return secret, nil
}

func (k *Keys) fetch(ctx context.Context, conversationID string) ([]byte, error) {
	address := strings.TrimRight(k.URL, "/") + "/v1/keys/" + url.PathEscape(conversationID)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+k.Token)
	response, err := k.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, ErrNoKey
	default:
		return nil, fmt.Errorf("the key service answered %s", response.Status)
	}
	var key struct {
		Secret []byte `json:"secret"`
	}
	err = json.NewDecoder(response.Body).Decode(&key)
	return key.Secret, err
}

// unseal opens nonce (12 bytes) and AES-GCM ciphertext, bound to conversation, event and field.
func unseal(secret, sealed []byte, conversationID, eventID, field string) ([]byte, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("a private field is shorter than its nonce")
	}
	context := strings.Join([]string{conversationID, eventID, field}, "\x1f")
	return aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(context))
}
