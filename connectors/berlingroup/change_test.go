package berlingroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"jali/connectors"
)

const (
	atBalances = "GET /accounts/e80e/balances"
	byEntry    = rows + "?bookingStatus=both&entryReferenceFrom=E-77"
	byList     = rows + "?bookingStatus=both&deltaList=true"
	byDays     = rows + "?bookingStatus=both&dateFrom=2026-10-10&dateTo=2026-10-20"
)

// walkChanges answers the ids that are told after a mark, and the mark to go on
// from.
func walkChanges(t *testing.T, c *Connector, since connectors.Mark) (ids []string, mark connectors.Mark, err error) {
	t.Helper()
	for next := connectors.Cursor(""); ; {
		p, err := c.Changes(context.Background(), linked, giro, since, next)
		if err != nil {
			return nil, "", err
		}
		for _, b := range p.Bills {
			ids = append(ids, b.ID)
		}
		if (p.Next == "") != (p.Mark != "") {
			t.Errorf("the mark stands on a page that is not the last: %q, %q", p.Next, p.Mark)
		}
		if next = p.Next; next == "" {
			return ids, p.Mark, nil
		}
	}
}

// TestChanges: what came after a mark, whichever way a bank tells it. The days
// since the mark overlap with what was read before, where the bank does not say
// what is new, and where it says so by a memory of its own.
func TestChanges(t *testing.T) {
	const old = connectors.Mark(`{"entry":"E-77","day":"2026-10-18"}`)
	for _, tt := range []struct {
		why   string
		delta Delta
		files map[string]string
		ids   []string
		mark  string
	}{
		{"by the last entry", ByEntryReference, map[string]string{
			atBalances: strings.Replace(file(t, "balances-limit.json"), "E-77", "E-79", 1),
			byEntry:    listingOf(api+"/accounts/e80e/transactions?page=2", rowOf("T78", "")), rows + "?page=2": listingOf("", rowOf("T79", "")),
		}, []string{"T78", "T79"}, `{"entry":"E-79","day":"2026-10-20"}`},
		{"by the bank's memory, and the days", ByDeltaList, map[string]string{
			byList: listingOf(api+"/accounts/e80e/transactions?page=2", rowOf("T78", "")), rows + "?page=2": listingOf("", rowOf("T79", "")),
			// T77 was told before; T76 was in an answer that never came.
			byDays: listingOf(api+"/accounts/e80e/transactions?page=3", rowOf("T76", ""), rowOf("T77", "")), rows + "?page=3": listingOf("", rowOf("T78", ""), rowOf("T79", "")),
		}, []string{"T78", "T79", "T76", "T77", "T78", "T79"}, `{"day":"2026-10-20"}`},
		{"by the days alone", "", map[string]string{byDays: listingOf("", rowOf("T77", ""), rowOf("T78", ""))}, []string{"T77", "T78"}, `{"day":"2026-10-20"}`},
	} {
		c := connect(t, &bank{files: tt.files}, func(k *Config) { k.Delta = tt.delta })
		ids, mark, err := walkChanges(t, c, old)
		if err != nil || !slices.Equal(ids, tt.ids) || string(mark) != tt.mark {
			t.Errorf("%s: %v, %s, %v; want %v, %s", tt.why, ids, mark, err, tt.ids, tt.mark)
		}
		ids, mark, err = walkChanges(t, c, "")
		if err != nil || len(ids) != 0 || string(mark) != tt.mark {
			t.Errorf("%s, this moment: %v, %s, %v; want %s", tt.why, ids, mark, err, tt.mark)
		}
	}
}

func TestMarksThatAreForgotten(t *testing.T) {
	const living = `{"entry":"E-77","day":"2026-10-18"}`
	for _, tt := range []struct {
		why  string
		mark connectors.Mark
		code string
		want error
	}{
		{"an entry that the bank does not know", living, "RESOURCE_UNKNOWN", connectors.ErrMark},
		{"a period that it does not go back to", living, "PERIOD_INVALID", connectors.ErrMark},
		{"a way that it does not have", living, "PARAMETER_NOT_SUPPORTED", connectors.ErrMark},
		{"a consent that has ended", living, "CONSENT_EXPIRED", connectors.ErrUnauthorized},
		{"too often", living, "ACCESS_EXCEEDED", connectors.ErrBusy},
		{"another dialect's mark", "17", "", connectors.ErrMark},
		{"no day", `{"entry":"E-77"}`, "", connectors.ErrMark},
		{"a mark of a year ago", `{"entry":"E-77","day":"2025-10-18"}`, "", connectors.ErrMark},
	} {
		b := &bank{status: 400, files: map[string]string{rows: fmt.Sprintf(`{"tppMessages":[{"code":%q}]}`, tt.code)}}
		c := connect(t, b, func(k *Config) { k.Delta = ByDeltaList }) // its mark asks the bank nothing
		if _, _, err := walkChanges(t, c, tt.mark); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
	c := connect(t, &bank{}, func(k *Config) { k.Delta = ByDeltaList })
	for _, next := range []connectors.Cursor{"x", `{"from":{"next":"https://evil.example/","page":2}}`} {
		if _, err := c.Changes(context.Background(), linked, giro, living, next); !errors.Is(err, connectors.ErrRefused) {
			t.Errorf("cursor %s: %v, want ErrRefused", next, err)
		}
	}
}
