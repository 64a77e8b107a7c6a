package main

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"jali/connectors"
)

// printSeen prints what one file holds.
func printSeen(f seenFile) {
	fmt.Println(clean(filepath.Base(f.File)))
	if f.Code != "" {
		fmt.Printf("  cannot be read: %s (%s)\n\n", f.Detail, f.Code)
		return
	}
	head := columns{indent: "  "}
	head.add("source", f.Name)
	head.add("format", f.Format)
	if f.Exported != "" {
		head.add("exported", f.Exported)
	}
	fmt.Print(head.String())
	for _, a := range f.Accounts {
		account := columns{indent: "  "}
		account.add("account", fmt.Sprintf("%s, %s, %s", a.Name, a.Kind, a.Side))
		if a.From != "" {
			account.add("period", a.From+" until "+a.To)
		}
		bills := grouped(int64(a.Bills))
		if a.Known > 0 {
			bills += fmt.Sprintf(", %s of them in a file before this", grouped(int64(a.Known)))
		}
		account.add("bills", bills)
		if a.First != "" {
			account.add("first, last", a.First+", "+a.Last)
		}
		for i, b := range a.Balances {
			account.add([]string{"balance", ""}[min(i, 1)], b)
		}
		fmt.Print(account.String())
		printFlows("    ", a.Flows)
		kinds := columns{indent: "    ", right: " r"}
		for _, k := range slices.SortedFunc(maps.Keys(a.Kinds), func(x, y connectors.Kind) int { return cmp.Or(cmp.Compare(a.Kinds[y], a.Kinds[x]), cmp.Compare(x, y)) }) {
			kinds.add(string(k), grouped(int64(a.Kinds[k])))
		}
		fmt.Print(kinds.String())
	}
	for _, p := range f.Problems {
		fmt.Println("  ! the file disagrees with itself: " + p)
	}
	fmt.Println()
}

func printFlows(indent string, flows []seenFlow) {
	lines := columns{indent: indent, right: " rr"}
	for _, s := range flows {
		lines.add(string(s.Flow), grouped(int64(s.Count)), s.Sum)
	}
	fmt.Print(lines.String())
}

func printTogether(t seenTogether, files int) {
	if t.Accounts == 0 {
		return
	}
	fmt.Printf("All together: %s, %s, %s bills\n", many(files, "file"), many(t.Accounts, "account"), grouped(int64(t.Bills)))
	lines := columns{indent: "  ", right: " r"}
	lines.add("tell of a movement that another bill tells of, too, and are not counted again", grouped(int64(t.Mirrors)))
	lines.add("refunds that were found to give back a payment", grouped(int64(t.Refunds)))
	fmt.Print(lines.String())
	if len(t.Flows) > 0 {
		fmt.Println("  counted, each movement once:")
		printFlows("    ", t.Flows)
	}
	if len(t.Decide) > 0 {
		fmt.Println("  not sure; the person decides once these are here:")
		pairs := columns{indent: "    ", right: "rl"}
		for _, d := range t.Decide {
			pairs.add(fmt.Sprintf("%d %%", d.Sure), string(d.Link), d.A)
			pairs.add("", "", d.B)
		}
		fmt.Print(pairs.String())
	}
	if len(t.Gaps) > 0 {
		fmt.Println("  balances and bills do not add up:")
		gaps := columns{indent: "    "}
		for _, g := range t.Gaps {
			gaps.add(g.Account, g.From+" until "+g.To, g.Missing+" missing")
		}
		fmt.Print(gaps.String())
	}
}
