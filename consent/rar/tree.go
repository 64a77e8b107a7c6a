package rar

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

const (
	maxSize  = 16 << 10
	maxDepth = 8
)

// object keeps its members exactly as they were named: encoding/json would
// match "Purpose" with purpose, and take the last of two.
type object map[string]any

var (
	errSyntax = errors.New("is not JSON")
	errSize   = errors.New("is larger than 16 KiB")
	errDepth  = errors.New("is nested too deep")
	errTwice  = errors.New("names a member twice")
)

// read parses one JSON text into object, []any, string, json.Number, bool and nil.
func read(raw []byte) (any, error) {
	switch {
	case len(raw) > maxSize:
		return nil, errSize
	case !utf8.Valid(raw) || !json.Valid(raw):
		return nil, errSyntax
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return value(d, 0)
}

func value(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	t, err := d.Token()
	if err != nil {
		return nil, errSyntax
	}
	switch t {
	case json.Delim('{'):
		return members(d, depth)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := value(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		if _, err := d.Token(); err != nil {
			return nil, errSyntax
		}
		return list, nil
	}
	return t, nil
}

func members(d *json.Decoder, depth int) (object, error) {
	o := object{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errSyntax
		}
		n, ok := name.(string)
		if !ok {
			return nil, errSyntax
		}
		if _, twice := o[n]; twice {
			return nil, errTwice
		}
		if o[n], err = value(d, depth+1); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, errSyntax
	}
	return o, nil
}
