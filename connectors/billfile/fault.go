package billfile

import (
	"fmt"

	"jali/internal/fault"
)

var (
	// ErrUnknown is a file of another sort. Its words say what it looks like
	// and what to upload instead; so does [Unknown] in its chain, where that is
	// known.
	ErrUnknown = &fault.Error{Kind: fault.Unsupported, Code: "unknown_file", Owner: fault.Person, Action: "export_again",
		Detail: "this is not a bill file that can be read; upload the CSV, XLS or XLSX as the wallet, the shop or the bank exported it"}
	// ErrDamaged is a bill file that is cut short or spoilt. [Place] in its
	// chain says where.
	ErrDamaged = &fault.Error{Kind: fault.Invalid, Code: "damaged_file", Owner: fault.Person, Action: "export_again",
		Detail: "the file is damaged; export it again and upload it unchanged"}
	// ErrTooLarge is a file over [MaxSize], or a workbook that unpacks beyond it.
	ErrTooLarge = &fault.Error{Kind: fault.TooLarge, Code: "file_too_large", Owner: fault.Person, Action: "export_again",
		Detail: "the file is over 20 MiB; export a shorter period"}
	// ErrPassword is an archive whose password is wanted, or was another.
	ErrPassword = &fault.Error{Kind: fault.Invalid, Code: "file_password", Owner: fault.Person, Action: "give_password",
		Detail: "the file has a password; say the one that came with it"}
	// ErrUnmapped is a table whose columns no form knows: a [Mapping] opens it.
	// [Unmapped] in its chain shows how it begins.
	ErrUnmapped = &fault.Error{Kind: fault.Unsupported, Code: "file_unmapped", Owner: fault.Person, Action: "map_columns",
		Detail: "this is a table, and which of its columns is what is not known; say it once"}
	// ErrInterrupted is an upload that broke off.
	ErrInterrupted = &fault.Error{Kind: fault.Invalid, Code: "file_interrupted", Owner: fault.Person, Action: "ask_again",
		Detail: "the file did not arrive whole; upload it again"}
)

// Place is where a damaged file cannot be read. It holds no content: Column is
// one of the column names that this package looks for.
type Place struct {
	Line   int    // counted from 1, in the file or sheet
	Column string // empty: the row as a whole
	Why    string // "cut_short", "not_a_time", "no_year", "not_an_amount", "two_amounts", "not_a_currency", "not_a_word", "negative", "id_rounded", "cells", "encoding", "out_of_range"
}

func (p *Place) Error() string {
	if p.Column == "" {
		return fmt.Sprintf("line %d: %s", p.Line, p.Why)
	}
	return fmt.Sprintf("line %d, column %s: %s", p.Line, p.Column, p.Why)
}

var reasons = map[string]string{
	"cut_short":      "the file ends in the middle of this row",
	"not_a_time":     "this is not a date and time",
	"not_an_amount":  "this is not an amount with at most two decimals",
	"no_year":        "this day has no year, and no title with one stands above",
	"two_amounts":    "one row has money in and money out",
	"not_a_currency": "this is no currency that is known",
	"not_a_word":     "this is none of the words that can stand here",
	"negative":       "an amount of these files is never negative",
	"id_rounded":     "a spreadsheet program has rounded this order number; use the file as it was downloaded, never saved again",
	"cells":          "this row does not fit the header row",
	"encoding":       "this line has bytes that are not text",
	"out_of_range":   "the amounts up to here are more than can be summed",
}

// Unknown is what a file of another sort looks like.
type Unknown struct {
	Looks string // "empty", "pdf", "picture", …: see sorts
}

func (u *Unknown) Error() string { return "it looks like: " + u.Looks }

var sorts = map[string]string{
	"empty":              "the file is empty; export it again",
	"pdf":                "this is a PDF; export the bill as CSV or XLSX (用于个人对账) instead",
	"picture":            "this is a picture; upload the exported CSV or XLSX",
	"archive":            "this is an archive; unpack it and upload the CSV or XLSX in it",
	"web_page":           "this is a web page or XML, perhaps a login page saved by mistake; download the exported file again",
	"utf16":              "this is text in UTF-16, as a spreadsheet program saves it; upload the file as it was downloaded",
	"archive_in_archive": "this is an archive in an archive; unpack it and upload the CSV or XLSX in it",
	"archive_of_others":  "no file in this archive is a bill; upload it as it was sent, or the CSV or XLSX in it",
	"archive_packing":    "this archive is packed in a way that is not known; unpack it and upload the CSV or XLSX in it",
	"archive_of_several": "the archive holds bill files of several sources or people; unpack it and upload each by itself",
	"archive_with_holes": "between the bill files of this archive there are days of which none tells; unpack it and upload each by itself",
	"workbook_password":  "this workbook has a password; open it, save it without one, and upload that",
	"workbook_old":       "this workbook is older than Excel 97; open it, save it as XLSX, and upload that",
	"office":             "this is an Office file and no workbook; upload the CSV, XLS or XLSX as it was exported",
	"workbook_of_others": "no sheet of this workbook is a bill; upload the file as it was exported",
	"no_statement":       "the file holds no statement of an account",
}

func unknown(looks string) *fault.Error {
	return ErrUnknown.Saying(sorts[looks]).Because(&Unknown{looks})
}

func damaged(line int, column, why string) error {
	p := &Place{Line: line, Column: column, Why: why}
	where := fmt.Sprintf("line %d", line)
	if column != "" {
		where += ", column " + column
	}
	return ErrDamaged.Saying(where + ": " + reasons[why] + "; nothing was taken from this file").Because(p)
}
