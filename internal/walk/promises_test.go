package walk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
)

// keptPromises asks the sandbox whether all that it has answered was as its
// documents say; it looks at every answer itself.
func (h *house) keptPromises(t *testing.T) {
	resp, err := http.Get(h.Sandbox + "/violations")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var told struct {
		Violations []struct {
			Operation, Wrong string
			Status           int
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&told); err != nil || told.Violations == nil {
		t.Fatalf("%s: it does not say: %v", resp.Status, err)
	}
	times := map[string]int{}
	for _, v := range told.Violations {
		times[fmt.Sprintf("%s: %d: %s", v.Operation, v.Status, v.Wrong)]++
	}
	for what, n := range times {
		t.Errorf("%d answers that the documents do not promise: %s", n, what)
	}
}
