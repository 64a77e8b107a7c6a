package billfile

import "jali/connectors"

// Mapping is how a person reads a table whose columns no form knows. Columns
// are named as the header row names them; empty: there is none.
type Mapping struct {
	Header []string `json:"header"` // of the tables it was drawn for

	// Of whom the table tells, in the person's words.
	Source   string                 `json:"source"`           // the institution
	Account  string                 `json:"account"`          // "工资卡"
	Number   string                 `json:"number,omitempty"` // its last digits, or all
	Kind     connectors.AccountKind `json:"kind"`
	Side     connectors.Side        `json:"side"`
	Currency string                 `json:"currency"` // ISO 4217, of rows that name none

	Date         string `json:"date"`
	Time         string `json:"time,omitempty"`
	DateOrder    string `json:"date_order"`       // "ymd", "dmy" or "mdy"
	Amount       string `json:"amount,omitempty"` // either this
	In           string `json:"in,omitempty"`     // or these two
	Out          string `json:"out,omitempty"`
	Minus        string `json:"minus,omitempty"`     // what an Amount below zero means: "out" (as banks write it) or "in"
	Direction    string `json:"direction,omitempty"` // the column that says it in words,
	OutWord      string `json:"out_word,omitempty"`  // and its word for money that went out
	Decimal      string `json:"decimal,omitempty"`   // "," where amounts are written 1.234,56
	CurrencyIn   string `json:"currency_in,omitempty"`
	Balance      string `json:"balance,omitempty"`
	Counterparty string `json:"counterparty,omitempty"`
	Description  string `json:"description,omitempty"`
	Order        string `json:"order,omitempty"`
	Type         string `json:"type,omitempty"`
}

// Unmapped is a table that wants a [Mapping]: enough of it to draw one. It is
// the person's data, for their eyes alone; as an error it tells none of it.
type Unmapped struct {
	Header []string
	Rows   [][]string // the first few
}

func (*Unmapped) Error() string { return "a table whose columns no form knows" }
