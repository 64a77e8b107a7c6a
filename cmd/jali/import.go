package main

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"jali/cmd/internal/house"
	"jali/connectors/billfile"
	"jali/internal/aggregate"
)

type importCmd struct {
	Person string   `help:"The person's id, as their settings page shows it." required:"" placeholder:"ID"`
	Accept bool     `help:"Take a file in although its own counts and sums disagree with its rows." name:"accept-mismatch"`
	Files  []string `arg:"" help:"Exported bill files." type:"existingfile"`
}

func (importCmd) Help() string {
	return `Example:
  jali import --person P4XK… alipay_record_20261101.csv 微信支付账单.xlsx

A file that disagrees with its own sums is shown and left alone; look at it and
say --accept-mismatch to take it in. Importing the same bills twice changes nothing.`
}

func (i *importCmd) Run(c *cli) error {
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	left := 0
	for _, name := range i.Files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil {
			return err
		}
		done, err := t.Import(background(), i.Person, f, info.Size(), aggregate.Taking{Accept: i.Accept})
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		printReport(name, done.Report)
		if !done.Taken {
			fmt.Println("  not imported: say --accept-mismatch to take it in all the same")
			left++
		}
	}
	if left > 0 {
		return &house.Refusal{Code: "file_disagrees", Detail: fmt.Sprintf("%d of %d files were not imported", left, len(i.Files))}
	}
	return nil
}

func printReport(name string, r aggregate.ImportReport) {
	fmt.Printf("%s: %s, %d bills, %d of them known already\n", name, r.Format, r.Rows, r.Known)
	for _, s := range r.Sums {
		fmt.Printf("  %-9s %5d  %s\n", s.Flow, s.Count, s.Sum)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Kinds)) {
		fmt.Printf("  %-12s %d\n", k, r.Kinds[k])
	}
	for _, p := range r.Problems {
		fmt.Println("  the file disagrees with itself: " + disagreement(p))
	}
}

// disagreement says a problem with the members that its code has.
func disagreement(p billfile.Problem) string {
	of := parts[p.Of]
	if of == "" {
		of = p.Of
	}
	switch p.Code {
	case "count_differs":
		return fmt.Sprintf("it claims %d bills %s, and has %d", p.ClaimedCount, of, p.RowCount)
	case "sum_differs":
		return fmt.Sprintf("it claims %s %s, and its rows make %s", p.Claimed, of, p.Rows)
	case "claim_unreadable":
		return fmt.Sprintf("what it claims %s cannot be read; its rows make %d bills, %s", of, p.RowCount, p.Rows)
	case "claim_missing":
		return fmt.Sprintf("it claims nothing %s; its rows make %d bills, %s", of, p.RowCount, p.Rows)
	case "outside_period":
		return fmt.Sprintf("%d of its bills are outside the period that it claims", p.RowCount)
	case "sheet_ignored":
		return "it holds a further sheet of bills, which is left alone"
	default:
		return p.Code + " " + of
	}
}

var parts = map[string]string{
	"total": "in all", "in": "coming in", "out": "going out", "other": "that are neither",
	"in_pending": "coming in and pending", "out_pending": "going out and pending", "period": "as its period",
}
