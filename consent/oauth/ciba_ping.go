package oauth

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"time"

	"jali/consent"
	"jali/internal/kv"
)

// Ping tells a client that a decoupled request was decided (CIBA Core, section
// 10.2). Only [Server.Notification] can read what is sealed, once it is sent.
type Ping struct {
	ID      string // unique
	At      time.Time
	Client  consent.ClientID
	Request consent.GrantID
	Sealed  []byte
}

// ping is what is sealed until the decision: the store knows an auth_req_id by
// its MAC alone, and the token is the client's.
type ping struct {
	AuthReqID string `json:"auth_req_id"`
	Token     string `json:"token"`
}

// deliveries are how a client can learn of a decision. Nothing is pushed.
func (s *Server) deliveries() []consent.Delivery {
	if s.Notify == nil {
		return []consent.Delivery{consent.Poll}
	}
	return []consent.Delivery{consent.Poll, consent.Ping}
}

// Decided queues the ping of a decoupled request in the transaction of its
// decision.
func (s *Server) Decided(tx kv.Tx, request consent.GrantID, g consent.Grant) error {
	if s.Notify == nil {
		return nil
	}
	var d decoupled
	for e, err := range tx.Scan(kv.Prefix(room, "grant", request, decoupledKind)) {
		if err == nil {
			err = kv.Decode(e.Value, &d)
		}
		if err != nil {
			return err
		}
	}
	if d.Ping == nil {
		return nil
	}
	return s.Notify(tx, Ping{ID: "ping_" + string(request), At: g.DecidedAt, Client: d.Client, Request: request, Sealed: d.Ping})
}

// Notification opens a ping for the moment in which it is sent: body is posted
// as JSON to where the client is told, with bearer in Authorization.
func (s *Server) Notification(request consent.GrantID, sealed []byte) (bearer string, body []byte, err error) {
	key, err := s.pingKey(request)
	if err != nil {
		return "", nil, err
	}
	plain, err := key.Open(nil, nil, sealed, nil)
	if err != nil {
		return "", nil, errors.New("oauth: a sealed ping does not open")
	}
	var p ping
	if err := json.Unmarshal(plain, &p); err != nil {
		return "", nil, err
	}
	body, err = json.Marshal(map[string]string{"auth_req_id": p.AuthReqID})
	return p.Token, body, err
}

func (s *Server) sealPing(request consent.GrantID, p ping) ([]byte, error) {
	key, err := s.pingKey(request)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return key.Seal(nil, nil, plain, nil), nil
}

// pingKey is AES-256-GCM with a key of the request's own, which draws and
// prepends its nonces.
func (s *Server) pingKey(request consent.GrantID) (cipher.AEAD, error) {
	block, err := aes.NewCipher(s.MAC("oauth ping", string(request)))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
