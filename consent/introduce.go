package consent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"time"

	"jali/internal/fault"
	"jali/internal/kv"
)

// Introduction is how a person names themselves to a client they are not known
// to: eight digits that they read out or type, once and within five minutes.
// It names them and lets nobody do anything: the client may ask, and the
// person decides on their own device.
type Introduction struct {
	Code  string
	Until time.Time
}

const (
	introductionLife = 5 * time.Minute
	introductions    = 100_000_000 // of eight digits
	drawsOfCode      = 8           // until one is free: with a million living codes one draw in a hundred is not
)

// ErrNoIntroduction answers for a code that was never given, has lapsed, was
// replaced or was used.
var ErrNoIntroduction = &fault.Error{Kind: fault.NotFound, Code: "introduction_not_found",
	Detail: "this code is wrong, was used or is too old; ask the person for a new one"}

var errCodesTaken = &fault.Error{Kind: fault.Unavailable, Code: "introductions_taken", Owner: fault.Us,
	Detail: "there is no free code at this moment; try again"}

// introduction is the row of a living code.
type introduction struct {
	Person PersonID  `json:"person"`
	Code   string    `json:"code"`
	Until  time.Time `json:"until"`
}

func introductionKey(code string) []byte  { return kv.Key(room, "introduction", code) }
func introductionOfKey(p PersonID) []byte { return kv.Key(room, "introducing", p) }
func (i introduction) due() due {
	return due{At: i.Until, Kind: dueIntroduction, ID: string(i.Person), Key: i.Code}
}
func (i introduction) lives(now time.Time) bool { return i.Code != "" && now.Before(i.Until) }

// Introduce makes a new code; the person's former one is good no longer.
func (s *Service) Introduce(ctx context.Context, p Session) (Introduction, error) {
	for range drawsOfCode {
		n, err := rand.Int(rand.Reader, big.NewInt(introductions))
		if err != nil {
			return Introduction{}, err
		}
		made, err := s.introduceAs(ctx, p, fmt.Sprintf("%08d", n))
		if !errors.Is(err, errCodesTaken) {
			return made, err
		}
	}
	return Introduction{}, errCodesTaken
}

func (s *Service) introduceAs(ctx context.Context, p Session, code string) (Introduction, error) {
	now := s.now()
	in := introduction{Person: p.Person, Code: code, Until: now.Add(introductionLife)}
	err := s.DB.Update(ctx, func(tx kv.Tx) error {
		var other introduction
		if _, err := kv.Load(tx, introductionKey(code), &other); err != nil {
			return err
		}
		if other.lives(now) {
			return errCodesTaken
		}
		if err := other.forget(tx); err != nil {
			return err
		}
		if err := forgetIntroduction(tx, p.Person); err != nil {
			return err
		}
		if err := kv.Store(tx, introductionKey(code), in); err != nil {
			return err
		}
		if err := kv.Store(tx, introductionOfKey(p.Person), in); err != nil {
			return err
		}
		return in.due().put(tx)
	})
	if err != nil {
		return Introduction{}, err
	}
	return Introduction{Code: code, Until: in.Until}, nil
}

// Introduced answers the person's living code, or the zero Introduction.
func (s *Service) Introduced(ctx context.Context, p Session) (Introduction, error) {
	now := s.now()
	var in introduction
	err := s.DB.View(ctx, func(tx kv.Tx) error {
		in = introduction{}
		_, err := kv.Load(tx, introductionOfKey(p.Person), &in)
		return err
	})
	if err != nil || !in.lives(now) {
		return Introduction{}, err
	}
	return Introduction{Code: in.Code, Until: in.Until}, nil
}

// Introduces reports whether a code is living, and ends nothing.
func (s *Service) Introduces(tx kv.Tx, now time.Time, code string) (bool, error) {
	var in introduction
	_, err := kv.Load(tx, introductionKey(code), &in)
	return in.lives(now), err
}

// TakeIntroduction answers whose code this is and ends it, in the transaction
// of the request that it is for. How many tries a client has is the caller's
// to bound.
func (s *Service) TakeIntroduction(tx kv.Tx, now time.Time, code string) (PersonID, error) {
	var in introduction
	if _, err := kv.Load(tx, introductionKey(code), &in); err != nil {
		return "", err
	}
	if !in.lives(now) {
		return "", ErrNoIntroduction
	}
	return in.Person, in.forget(tx)
}

// forgetIntroduction ends the code that a person has, if there is one.
func forgetIntroduction(tx kv.Tx, p PersonID) error {
	var in introduction
	if _, err := kv.Load(tx, introductionOfKey(p), &in); err != nil {
		return err
	}
	return in.forget(tx)
}

func (i introduction) forget(tx kv.Tx) error {
	if i.Code == "" {
		return nil
	}
	for _, k := range [][]byte{introductionKey(i.Code), introductionOfKey(i.Person), i.due().key()} {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
