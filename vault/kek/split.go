package kek

import (
	"strings"

	"jali/internal/fault"
)

// split answers the words of a line, at least one, by the rules of
// [NewCommand].
func split(line string) ([]string, error) {
	var words []string
	var word []byte
	var quote byte // which kind is open; 0: none
	inside, literal := false, false
	for i := range len(line) { // a path need not be UTF-8
		c := line[i]
		switch {
		case c == 0:
			return nil, fault.Cause("it holds a NUL")
		case literal:
			word = append(word, c)
			literal = false
		case c == '\\' && quote != '\'':
			inside, literal = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			inside, quote = true, c
		case quote == 0 && (c == ' ' || c == '\t'):
			if inside {
				words = append(words, string(word))
			}
			word = nil
			inside = false
		case quote == 0 && strings.IndexByte("|&;<>()$`*?\r\n", c) >= 0, quote == '"' && (c == '$' || c == '`'):
			return nil, fault.Cause("only a shell would understand its byte", i+1)
		default:
			word = append(word, c)
			inside = true
		}
	}
	switch {
	case quote != 0:
		return nil, fault.Cause("a quote is not closed")
	case literal:
		return nil, fault.Cause("it ends with a backslash")
	case inside:
		words = append(words, string(word))
	}
	if len(words) == 0 || words[0] == "" {
		return nil, fault.Cause("it names no program")
	}
	return words, nil
}
