package rar

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jali/consent"
	"jali/internal/fault"
)

var now = time.Date(2026, 11, 18, 12, 0, 0, 0, consent.Shanghai)

const api = "https://jali.example/v1"

const whole = `[{"type": "account_view",
 "locations": ["https://jali.example/v1"],
 "actions": ["view"],
 "datatypes": ["balances", "bills", "statements"],
 "sources": ["wechatpay", "alipay"],
 "bill_fields": "minimal",
 "period": {"from": "2026-10-01", "to": "2026-10-31"},
 "purpose": "bill_overview",
 "uses": {"limit": 1},
 "until": "2026-11-30T00:00:00+08:00",
 "retention": "PT0S"}]`

const least = `[{"type":"account_view","actions":["view"],"datatypes":["bills"],"purpose":"bookkeeping","uses":{"limit":4,"per":"day"}}]`

func TestParse(t *testing.T) {
	got, err := Parse([]byte(whole), now, api)
	want := consent.Terms{
		Purpose: consent.BillOverview, Datatypes: []consent.Datatype{"balances", "bills", "statements"},
		Sources: []string{"alipay", "wechatpay"}, Fields: consent.Minimal,
		Period: consent.Period{From: "2026-10-01", To: "2026-10-31"}, Uses: consent.Uses{Limit: 1},
		Until: time.Date(2026, 11, 29, 16, 0, 0, 0, time.UTC), Locations: []string{api},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Parse(whole) = %+v, %v\nwant %+v", got, err, want)
	}
	got, err = Parse([]byte(least), now, api)
	want = consent.Terms{
		Purpose: consent.Bookkeeping, Datatypes: []consent.Datatype{"bills"}, Fields: consent.Minimal,
		Period: consent.Period{Days: 30}, Uses: consent.Uses{Limit: 4, Per: "day"},
		Until: now.AddDate(0, 0, 30).UTC(), Locations: []string{api},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Parse(least) = %+v, %v\nwant %+v", got, err, want)
	}
	balances := `[{"type":"account_view","actions":["view"],"datatypes":["balances"],"purpose":"balance_overview","uses":{"limit":1}}]`
	if got, err := Parse([]byte(balances), now, api); err != nil || got.Fields != "" || !got.Period.Zero() {
		t.Errorf("balances alone have no fields and no period: %+v, %v", got, err)
	}
}

// secretive is in every bad value, and in no answer.
const secretive = "hush"

func TestWhatIsNotRead(t *testing.T) {
	with := func(member, value string) string {
		var list []map[string]json.RawMessage
		if err := json.Unmarshal([]byte(whole), &list); err != nil {
			t.Fatal(err)
		}
		if value == "" {
			delete(list[0], member)
		} else {
			list[0][member] = json.RawMessage(value)
		}
		b, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	deep := strings.Repeat("[", 20) + strings.Repeat("]", 20)
	for _, tt := range []struct{ why, in, path string }{
		{"nothing", ``, " is not JSON"},
		{"half of it", whole[:40], " is not JSON"},
		{"a word", secretive, " is not JSON"},
		{"no UTF-8", "[\"\xff\"]", " is not JSON"},
		{"a comma too many", `[{},]`, " is not JSON"},
		{"more after it", whole + whole, " is not JSON"},
		{"16 KiB", with("until", `"`+strings.Repeat("x", maxSize)+`"`), " is larger"},
		{"too deep", deep, " is nested too deep"},
		{"an object alone", strings.Trim(whole, "[]"), " must be an array"},
		{"none", `[]`, " must be an array of exactly one"},
		{"two", "[" + strings.Trim(whole, "[]") + "," + strings.Trim(whole, "[]") + "]", " must be an array of exactly one"},
		{"not an object", `["hush"]`, "[0] must be an object"},
		{"null", `[null]`, "[0] must be an object"},

		{"a member twice", `[{"type":"account_view","type":"account_view"}]`, " names a member twice"},
		{"a member twice further in", with("uses", `{"limit":1,"limit":2}`), " names a member twice"},
		{"a member twice, once escaped", `[{"type":"account_view","t\u0079pe":"hush"}]`, " names a member twice"},
		{"a member nobody knows", with(secretive, `1`), "[0] has a member"},
		{"a member in other case", with("Purpose", `"hush"`), "[0] has a member"},
		{"one further in", with("uses", `{"limit":1,"hush":1}`), "[0].uses has a member"},
		{"one in period", with("period", `{"days":1,"hush":1}`), "[0].period has a member"},

		{"no type", with("type", ""), "[0].type is required"},
		{"no actions", with("actions", ""), "[0].actions is required"},
		{"no datatypes", with("datatypes", ""), "[0].datatypes is required"},
		{"no purpose", with("purpose", ""), "[0].purpose is required"},
		{"no uses", with("uses", ""), "[0].uses is required"},
		{"no limit", with("uses", `{"per":"day"}`), "[0].uses.limit is required"},

		{"another type", with("type", `"hush"`), "[0].type must be"},
		{"another action", with("actions", `["hush"]`), "[0].actions must be"},
		{"one action more", with("actions", `["view","hush"]`), "[0].actions must be"},
		{"another purpose", with("purpose", `"hush"`), "[0].purpose must be"},
		{"another API", with("locations", `["https://hush.example"]`), "[0].locations must be"},
		{"another datatype", with("datatypes", `["hush"]`), "[0].datatypes holds"},
		{"a datatype twice", with("datatypes", `["bills","bills"]`), "[0].datatypes must not repeat"},
		{"a source twice", with("sources", `["hush","hush"]`), "[0].sources must not repeat"},
		{"a source that is none", with("sources", `["hush!"]`), "[0].sources holds"},

		{"purpose is a number", with("purpose", `1`), "[0].purpose must be a string"},
		{"purpose is null", with("purpose", `null`), "[0].purpose must be a string"},
		{"retention is null", with("retention", `null`), "[0].retention must be a string"},
		{"period is null", with("period", `null`), "[0].period must be an object"},
		{"sources is null", with("sources", `null`), "[0].sources must be a list"},
		{"sources is empty", with("sources", `[]`), "[0].sources must be a list"},
		{"sources is a word", with("sources", `"hush"`), "[0].sources must be a list"},
		{"a source is a number", with("sources", `["a",1]`), "[0].sources must be a list of strings"},
		{"uses is a number", with("uses", `1`), "[0].uses must be an object"},
		{"limit is a word", with("uses", `{"limit":"1"}`), "[0].uses.limit must be a whole"},
		{"limit is a fraction", with("uses", `{"limit":1.0}`), "[0].uses.limit must be a whole"},
		{"limit is a power", with("uses", `{"limit":1e0}`), "[0].uses.limit must be a whole"},
		{"limit is huge", with("uses", `{"limit":18446744073709551617}`), "[0].uses.limit must be a whole"},
		{"limit is negative", with("uses", `{"limit":-1}`), "[0].uses.limit must be a whole"},
		{"limit is nothing", with("uses", `{"limit":0}`), "[0].uses.limit must be at least"},
		{"limit is too much", with("uses", `{"limit":5}`), "[0].uses.limit must be at most"},
		{"per is empty", with("uses", `{"limit":1,"per":""}`), "[0].uses.per must not be empty"},
		{"per is a week", with("uses", `{"limit":1,"per":"hush"}`), "[0].uses.per must be day"},
		{"tz is none", with("uses", `{"limit":1,"per":"day","tz":"hush"}`), "[0].uses.tz must be the name"},

		{"half a period", with("period", `{"from":"2026-10-01"}`), "[0].period.to is required"},
		{"no days", with("period", `{"days":0}`), "[0].period.days must be at least"},
		{"both", with("period", `{"days":1,"from":"2026-10-01","to":"2026-10-01"}`), "[0].period is either"},
		{"a day that is none", with("period", `{"from":"hush","to":"2026-10-31"}`), "[0].period.from must be a day"},
		{"too long", with("period", `{"from":"2025-01-01","to":"2026-10-31"}`), "[0].period must be at most"},
		{"no offset", with("until", `"2026-11-30T00:00:00"`), "[0].until must be a time"},
		{"a day alone", with("until", `"2026-11-30"`), "[0].until must be a time"},
		{"in the past", with("until", `"2026-11-01T00:00:00+08:00"`), "[0].until must be in the future"},
		{"too late", with("until", `"2027-11-01T00:00:00+08:00"`), "[0].until is later"},
		{"P alone", with("retention", `"P"`), "[0].retention must be an ISO"},
		{"PT alone", with("retention", `"PT"`), "[0].retention must be an ISO"},
		{"P1DT alone", with("retention", `"P1DT"`), "[0].retention must be an ISO"},
		{"months, which have no length", with("retention", `"P1M"`), "[0].retention must be an ISO"},
		{"a negative one", with("retention", `"-P1D"`), "[0].retention must be an ISO"},
		{"a fraction of one", with("retention", `"PT0.5S"`), "[0].retention must be an ISO"},
		{"more than none", with("retention", `"PT1S"`), "[0].retention is longer"},
		{"a level that is none", with("bill_fields", `"hush"`), "[0].bill_fields must be"},
		{"more than the purpose has", with("bill_fields", `"full"`), "[0].bill_fields is more"},
		{"an empty level", with("bill_fields", `""`), "[0].bill_fields must be"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			_, err := Parse([]byte(tt.in), now, api)
			var f *fault.Error
			if !errors.As(err, &f) || !errors.Is(err, ErrInvalid) {
				t.Fatalf("Parse = %v, want an ErrInvalid", err)
			}
			if !strings.HasPrefix(f.Detail, "authorization_details"+tt.path) {
				t.Errorf("Detail = %q, want it to begin with %q", f.Detail, "authorization_details"+tt.path)
			}
			if strings.Contains(err.Error(), secretive) {
				t.Errorf("what was sent comes back: %v", err)
			}
		})
	}
}

func TestTimesAreCutToSeconds(t *testing.T) {
	in := strings.Replace(whole, "2026-11-30T00:00:00+08:00", "2026-11-29T16:00:00.999Z", 1)
	got, err := Parse([]byte(in), now, api)
	if want := time.Date(2026, 11, 29, 16, 0, 0, 0, time.UTC); err != nil || !got.Until.Equal(want) {
		t.Errorf("until = %v, %v; want %v", got.Until, err, want)
	}
}

func TestDurations(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"P30D": 30 * 24 * time.Hour, "PT0S": 0, "P0D": 0, "PT36H": 36 * time.Hour, "PT90M": 90 * time.Minute, "P1DT1S": 24*time.Hour + time.Second,
	} {
		raw := strings.Replace(least, `"purpose"`, `"retention":"`+in+`","purpose"`, 1)
		if got, err := Parse([]byte(raw), now, api); err != nil || got.Retention != want {
			t.Errorf("%s is %v, %v; want %v", in, got.Retention, err, want)
		}
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(consent.Purposes()).Draw(t, "purpose")
		x := consent.Terms{Purpose: r.Purpose, Datatypes: slices.Clone(r.Datatypes)}
		x.Datatypes = x.Datatypes[:rapid.IntRange(1, len(x.Datatypes)).Draw(t, "datatypes")]
		bills := slices.Contains(x.Datatypes, consent.Bills)
		if bills {
			x.Fields = rapid.SampledFrom([]consent.BillFields{consent.Minimal, consent.Standard}).Draw(t, "fields")
		}
		if bills || slices.Contains(x.Datatypes, consent.Statements) {
			x.Period = rapid.SampledFrom([]consent.Period{{Days: 1}, {Days: 60}, {From: "2026-10-01", To: "2026-10-31"}}).Draw(t, "period")
		}
		x.Uses = rapid.SampledFrom([]consent.Uses{{Limit: 1}, {Limit: 1, Per: "day"}, {Limit: 1, Per: "day", TZ: "Europe/Vienna"}}).Draw(t, "uses")
		if rapid.Bool().Draw(t, "sources") {
			x.Sources = []string{"alipay", "wechatpay"}
		}
		x.Until = now.Add(time.Duration(rapid.IntRange(1, 90*24*3600).Draw(t, "until")) * time.Second).UTC()
		x.Retention = time.Duration(rapid.Int64Range(0, int64(r.Retention/time.Second)).Draw(t, "retention")) * time.Second
		x.Locations = []string{api}
		written := Format(x)
		back, err := Parse(written, now, api)
		if err != nil || !reflect.DeepEqual(back, x) {
			t.Fatalf("%s is read back as %+v, %v; was %+v", written, back, err, x)
		}
	})
}

// A merge is of what it says and of nothing else.
func TestParseMore(t *testing.T) {
	got, err := ParseMore([]byte(least), api)
	whole, errWhole := Parse([]byte(least), now, api)
	if err != nil || errWhole != nil {
		t.Fatal(err, errWhole)
	}
	want := whole
	want.Fields, want.Period, want.Until = "", consent.Period{}, time.Time{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("ParseMore = %+v\nwant        %+v", got, want)
	}
	if _, err := ParseMore([]byte(`[{"type":"account_view","nobody":1}]`), api); !errors.Is(err, ErrInvalid) {
		t.Errorf("an unknown member: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{whole, least, `[]`, `[{"type":"account_view","type":1}]`, `[{"uses":{"limit":1e400}}]`, `[[[[[[[[[[]]]]]]]]]]`, "[\"\\ud800\"]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		terms, err := Parse(raw, now, api)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("Parse(%q): %v is no ErrInvalid", raw, err)
			}
			return
		}
		if err := terms.Within(now); err != nil {
			t.Errorf("Parse(%q) let through what is not within: %v", raw, err)
		}
		back, err := Parse(Format(terms), now, api)
		if err != nil || !reflect.DeepEqual(back, terms) {
			t.Errorf("%q is read as %+v, written and read back as %+v, %v", raw, terms, back, err)
		}
	})
}
