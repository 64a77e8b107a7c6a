package wire

import (
	"strings"
	"time"
)

// Beijing is the zone of every time that a Chinese source writes without one:
// UTC+8, and no summer time since 1991.
var Beijing = time.FixedZone("UTC+8", 8*60*60)

const digits = "0123456789"

// Digits reports whether s is of digits alone, from one to longest of them: such
// a number can stand in a path or a signed text as it is.
func Digits(s string, longest int) bool { return made(s, digits, longest) }

// Code reports the same of digits and capital letters.
func Code(s string, longest int) bool { return made(s, digits+"ABCDEFGHIJKLMNOPQRSTUVWXYZ", longest) }

func made(s, of string, longest int) bool {
	return s != "" && len(s) <= longest && strings.Trim(s, of) == ""
}
