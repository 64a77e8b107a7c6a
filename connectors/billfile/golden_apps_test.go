package billfile

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jali/connectors"
)

// goldenApps are what merchants' apps have exported, counted by a script of
// its own and by eye. Nothing in them disagrees.
var goldenApps = []golden{
	{
		// JD's claimed sums are 1648.43 out and 1097.59 neither. The rows give
		// 2277.70 and 1601.52: less what came back of the four that were
		// refunded in part (629.27), of the one refunded in full (468.32), and
		// the promise of 35.61, they agree.
		file: "double-entry-generator/jd-2024.csv", format: "jd",
		rows: 26, first: "2024-12-05 22:49:55", last: "2024-12-30 17:16:02",
		kinds:  map[connectors.Kind]int{"payment": 17, "refund": 6, "adjustment": 3},
		states: map[connectors.BillState]int{"booked": 25, "reversed": 1},
		sides:  map[connectors.Direction]string{"in": "7 1097.59", "out": "19 2781.63"},
		flows:  map[connectors.Flow]string{"in": "6 1097.59", "out": "17 2746.02", "internal": "3 35.61"},
	},
	{
		// Meituan counts the repayment of 48.12 as the 23rd that went out, and
		// leaves it out of the sum of 1175.68.
		file: "double-entry-generator/meituan-2025.csv", format: "meituan",
		rows: 29, first: "2025-02-02 21:30:30", last: "2025-02-28 20:35:25",
		kinds:  map[connectors.Kind]int{"payment": 22, "refund": 6, "repayment": 1},
		states: map[connectors.BillState]int{"booked": 29},
		sides:  map[connectors.Direction]string{"in": "6 209.73", "out": "23 1223.80"},
		flows:  map[connectors.Flow]string{"in": "6 209.73", "out": "22 1175.68", "internal": "1 48.12"},
	},
}

func TestPublishedAppFiles(t *testing.T) {
	for _, want := range goldenApps {
		t.Run(filepath.Base(want.file), func(t *testing.T) {
			f, err := Read(openShared(t, want.file), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, goldenOf(want.file, f), cmp.AllowUnexported(golden{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			checkSound(t, f)
		})
	}
}
