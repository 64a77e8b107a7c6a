package mock

import "testing"

// BenchmarkFoundATown is what the first reader waits for.
func BenchmarkFoundATown(b *testing.B) {
	for b.Loop() {
		w := newWorld(1, founding(noon))
		w.until(noon)
	}
}
