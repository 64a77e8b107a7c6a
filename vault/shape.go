package vault

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
)

// shapes make an alias out of 32 random bytes.
var shapes = map[string]func([]byte) string{
	"opaque": opaque,
	"card":   card,
	"iban":   iban,
}

// tidy undoes what people do to a number when they write it down: groups of
// four, hyphens, capitals, the full-width digits of a Chinese keyboard.
func tidy(alias string) string {
	alias = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), unicode.Is(unicode.Cf, r):
			return -1
		case r >= '！' && r <= '～': // of ASCII, in full width
			return r - '！' + '!'
		}
		return r
	}, alias)
	if upper := strings.ToUpper(alias); strings.HasPrefix(upper, ibanCountry) {
		return upper
	}
	return strings.ToLower(alias)
}

var letters = base32.StdEncoding.WithPadding(base32.NoPadding)

func opaque(random []byte) string {
	return "acct_" + strings.ToLower(letters.EncodeToString(random[:16]))
}

// cardPrefix is an issuer's number (ISO/IEC 7812) that nobody has: it begins
// no known one, nor does a known one begin it.
const cardPrefix = "9977"

// card has 14 random digits. 2^64 modulo 10^14 favours the lower ones by less
// than one in 10^5, which is of no use to anyone.
func card(random []byte) string {
	body := cardPrefix + fmt.Sprintf("%014d", binary.BigEndian.Uint64(random)%1e14)
	return body + string('0'+luhn(body))
}

// luhn is the check digit that completes digits (ISO/IEC 7812-1, annex B).
func luhn(digits string) byte {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte((10 - sum%10) % 10)
}

// ibanCountry is the code of no country (ISO 3166-1, user-assigned).
const ibanCountry = "XX"

// iban is 32 characters long. The last two digits are chosen so that the whole
// passes the modulo-97 check with check digits that ISO 13616 never gives out
// (they are 02 to 98, though 00, 01 and 99 stand for the same remainders).
func iban(random []byte) string {
	check := [...]string{"00", "01", "99"}[int(random[16])%3]
	body := letters.EncodeToString(random[:16])
	rest := mod97(body + "00" + ibanCountry + check)
	// What the two digits stand for is multiplied by 10^6: four digits of XX
	// and two of check follow them.
	for last := range 97 {
		if (rest+last*(1_000_000%97))%97 == 1 {
			return fmt.Sprintf("%s%s%s%02d", ibanCountry, check, body, last)
		}
	}
	panic("vault: 10^6 has an inverse modulo 97")
}

// mod97 reads letters as 10 to 35 (ISO 7064, MOD 97-10).
func mod97(s string) int {
	n := 0
	for _, c := range []byte(s) {
		if c >= 'A' {
			n = (n*100 + int(c-'A') + 10) % 97
		} else {
			n = (n*10 + int(c-'0')) % 97
		}
	}
	return n
}
