package ledger

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"jali/connectors"
	"jali/connectors/money"
	"jali/internal/kv"
)

// maxPoints bounds what is kept of an account's balances by one import, or of
// a connected account: of more, the oldest go.
const maxPoints = 4000

// Point is what an account held or owed at a moment, as it was told.
type Point struct {
	At     time.Time
	Kind   connectors.BalanceKind // empty out of files: all that is booked
	Amount money.Amount
}

// point is a Point as it is stored.
type point struct {
	_        struct{} `cbor:",toarray"`
	Seconds  int64
	Zone     int
	Kind     string
	Minor    int64
	Currency string
}

func storedPoints(all []Point) []point {
	out := make([]point, len(all))
	for i, p := range all {
		_, zone := p.At.Zone()
		out[i] = point{Seconds: p.At.Unix(), Zone: zone, Kind: string(p.Kind), Minor: p.Amount.Minor, Currency: p.Amount.Currency}
	}
	return out
}

func pointsOf(all []point) []Point {
	out := make([]Point, len(all))
	for i, p := range all {
		out[i] = Point{time.Unix(p.Seconds, 0).In(time.FixedZone("", p.Zone)), connectors.BalanceKind(p.Kind), money.Amount{Minor: p.Minor, Currency: p.Currency}}
	}
	return out
}

// series are points that follow one another.
type series struct{ currency, kind string }

func (p Point) series() series { return series{p.Amount.Currency, string(p.Kind)} }

func sortPoints(all []Point) {
	slices.SortStableFunc(all, func(a, b Point) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Amount.Currency, b.Amount.Currency), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Amount.Minor, b.Amount.Minor))
	})
}

// thin keeps of each series the first and, of every day, the last.
func thin(all []Point) []Point {
	all = slices.Clone(all)
	for i := range all {
		all[i].At = all[i].At.Truncate(time.Second)
	}
	sortPoints(all)
	begun, last := map[series]bool{}, map[series]time.Time{}
	var kept []Point
	for _, p := range slices.Backward(all) {
		if day := midnight(p.At); !last[p.series()].Equal(day) {
			last[p.series()] = day
			kept = append(kept, p)
		}
	}
	for _, p := range all {
		if !begun[p.series()] {
			begun[p.series()] = true
			kept = append(kept, p)
		}
	}
	sortPoints(kept)
	kept = slices.Compact(kept)
	return kept[max(0, len(kept)-maxPoints):]
}

// Hold takes in what balances were told, and reports whether that is worth
// writing down: of a day it is the first time only. Where nothing else is kept
// nothing is.
func (k *Kept) Hold(told []Point) (worth bool) {
	if k.At.IsZero() {
		return false
	}
	for _, p := range told {
		day := midnight(p.At)
		if slices.ContainsFunc(k.Points, func(q Point) bool { return q.series() == p.series() && midnight(q.At).Equal(day) }) {
			continue
		}
		p.At = p.At.Truncate(time.Second)
		k.Points, worth = append(k.Points, p), true
	}
	if worth {
		sortPoints(k.Points)
		k.Points = k.Points[max(0, len(k.Points)-maxPoints):]
	}
	return worth
}

// freshPoints answers what the import's file tells that none has told before.
func (in *intake) freshPoints(ctx context.Context, l *Ledger) ([]Point, error) {
	if len(in.points) == 0 {
		return nil, nil
	}
	had, err := l.Points(ctx, in.Account, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(thin(in.points), func(p Point) bool {
		return slices.ContainsFunc(had, func(q Point) bool { return p.At.Equal(q.At) && p.Amount == q.Amount && p.Kind == q.Kind })
	}), nil
}

func (s shelf) sealPoints(ctx context.Context, id string, all []Point) ([]byte, error) {
	plain, err := kv.Pack(storedPoints(all))
	if err != nil {
		return nil, err
	}
	return s.vault.Seal(ctx, s.importRecord(id), plain)
}

// Points answers what imported files say that an account held in [from, to],
// oldest first; zero times mean all.
func (l *Ledger) Points(ctx context.Context, a Account, from, to time.Time) ([]Point, error) {
	s := shelf{l.Vault, a}
	sealed := map[string][]byte{}
	err := l.DB.View(ctx, func(tx kv.Tx) error {
		clear(sealed)
		r := kv.Prefix("ledger", a.Person, a.ID, "import")
		for e, err := range tx.Scan(r) {
			if err != nil {
				return err
			}
			var h importHead
			if err := kv.Decode(e.Value, &h); err != nil {
				return err
			}
			id, _, ok := kv.Text(e.Key[len(r.From)-1:])
			if !ok {
				return errMoved
			}
			if h.Sealed != nil {
				sealed[id] = bytes.Clone(h.Sealed)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []Point
	for id, b := range sealed {
		plain, err := l.Vault.Open(ctx, s.importRecord(id), b)
		if err != nil {
			return nil, err
		}
		var stored []point
		if err := kv.Unpack(plain.Reveal(), &stored); err != nil {
			return nil, err
		}
		all = append(all, pointsOf(stored)...)
	}
	all = slices.DeleteFunc(all, func(p Point) bool {
		return !from.IsZero() && p.At.Before(from) || !to.IsZero() && p.At.After(to)
	})
	sortPoints(all)
	return slices.CompactFunc(all, func(p, q Point) bool { return p.At.Equal(q.At) && p.Kind == q.Kind && p.Amount == q.Amount }), nil
}
