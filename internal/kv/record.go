package kv

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Load reads the JSON record at key into v and reports whether there was one.
func Load(tx Tx, key []byte, v any) (bool, error) {
	b, err := tx.Get(key)
	if err != nil || b == nil {
		return false, err
	}
	return true, Decode(b, v)
}

// Decode reads one JSON record, as a scan yields it: [ErrRecord] if it cannot.
func Decode(value []byte, v any) error {
	if json.Unmarshal(value, v) != nil {
		return ErrRecord.Because(fmt.Errorf("a stored %T cannot be read", v)) // json's own error may quote the record
	}
	return nil
}

// Store writes v at key as JSON.
func Store(tx Tx, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Put(key, b)
}

func stringKind(e any) (string, bool) {
	v := reflect.ValueOf(e)
	if v.Kind() == reflect.String {
		return v.String(), true
	}
	return "", false
}
