package consent

import (
	"strings"
	"testing"

	"jali/internal/kv"
)

func TestPlainName(t *testing.T) {
	for _, tt := range []struct {
		why, name string
		ok        bool
	}{
		{"Chinese", "花窗银行", true},
		{"Chinese and Latin", "花窗银行 App", true},
		{"all that Japanese and Korean are written in", "みずほ銀行 ミズホー 은행", true},
		{"letters with marks", "Crédit Agricole Österreich", true},
		{"another script by itself", "Сбербанк", true},
		{"digits and signs", "柜台 3 · 7788 – ok?", true},
		{"a symbol", "Bank €5", true},

		{"nothing", "", false},
		{"a letter that leaves no ink", "\u3164", false},
		{"such a one behind a name that is known", "花窗银行\uffa0", false},
		{"Hangul fillers", "\u115f\u1160", false},
		{"a pattern of no dots", "\u2800", false},
		{"a mark that joins and is not seen", "花窗\u034f银行", false},
		{"a choice of glyph", "花窗银行\ufe0f", false},
		{"a joiner", "花窗\u200d银行", false},
		{"a turn of the writing", "knaB\u202e", false},
		{"a Cyrillic o", "Mоrning Bank", false},
		{"a Greek A", "\u0391libaba", false},
		{"Cherokee that looks Latin", "\u13aaom Bank", false},
		{"Hebrew, which would take the digits behind it along", "Bank א 12", false},
		{"too long", strings.Repeat("银", maxName+1), false},
	} {
		if got := plainName(tt.name); got != tt.ok {
			t.Errorf("%s: plainName(%q) = %v; want %v", tt.why, tt.name, got, tt.ok)
		}
	}
}

func TestNameTaken(t *testing.T) {
	h := build(t)
	known := testClient("known")
	known.Name = Name{ZH: "花窗银行", EN: "Jali Bank"}
	h.must(h.AddClient(t.Context(), known))
	for _, tt := range []struct {
		why  string
		name Name
		want bool
	}{
		{"the same", Name{"花窗银行", "Jali Bank"}, true},
		{"in one language", Name{"新银行", "Jali Bank"}, true},
		{"in the other", Name{"花窗银行", "New Bank"}, true},
		{"one for the other", Name{"Jali Bank", "New Bank"}, true},
		{"in another case", Name{"新银行", "JALI bank"}, true},
		{"in full width", Name{"新银行", "Ｊａｌｉ Bank"}, true},
		{"otherwise spaced", Name{"花窗 银行", "New Bank"}, true},
		{"spaced by what is no space", Name{"新银行", "Jali\u00a0Bank"}, true},
		{"another", Name{"新银行", "Jali Bank East"}, false},
	} {
		var got bool
		h.must(h.DB.View(t.Context(), func(tx kv.Tx) (err error) {
			got, err = h.NameTaken(tx, tt.name)
			return err
		}))
		if got != tt.want {
			t.Errorf("%s: NameTaken(%v) = %v; want %v", tt.why, tt.name, got, tt.want)
		}
	}
}
