package consent

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"jali/internal/kv"
)

// plainName holds nothing that makes a name look like another one or like its
// surroundings: no controls, no line breaks, no marks that turn the direction of
// writing, nothing that is not seen, and no letters of one script among another's.
func plainName(s string) bool {
	return s != "" && s == strings.TrimSpace(s) && utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxName &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || unicode.In(r, unseen...) }) && !mixed(s)
}

// unseen are letters and marks that leave no ink, but for the spaces.
var unseen = []*unicode.RangeTable{unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
	{R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}}}}

// together are the scripts that are written side by side here (UTS 39, section
// 5.2, highly restrictive); a letter of any other among theirs is there to be
// taken for one of them.
var together = []*unicode.RangeTable{unicode.Latin, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul}

func mixed(s string) bool {
	own, others := false, false
	for _, r := range s {
		if unicode.IsLetter(r) && !unicode.Is(unicode.Lm, r) {
			if unicode.In(r, together...) {
				own = true
			} else {
				others = true
			}
		}
	}
	return own && others
}

// NameTaken reports whether a client goes by either of these names already, in
// any case, width and spacing.
func (s *Service) NameTaken(tx kv.Tx, n Name) (bool, error) {
	for row, err := range tx.Scan(kv.Prefix(room, "client")) {
		var c Client
		if err == nil {
			err = kv.Decode(row.Value, &c)
		}
		if err != nil {
			return false, err
		}
		if slices.Contains([]string{folded(c.Name.ZH), folded(c.Name.EN)}, folded(n.ZH)) ||
			slices.Contains([]string{folded(c.Name.ZH), folded(c.Name.EN)}, folded(n.EN)) {
			return true, nil
		}
	}
	return false, nil
}

// folded is what two names share that people would take for one.
func folded(name string) string {
	return strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(name))), "")
}
