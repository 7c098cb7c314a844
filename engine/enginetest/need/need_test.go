package need

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// outcome is a test that notes how it ends.
type outcome struct {
	testing.TB
	skipped, failed bool
}

func (o *outcome) Helper()               {}
func (o *outcome) Skipf(string, ...any)  { o.skipped = true; runtime.Goexit() }
func (o *outcome) Fatalf(string, ...any) { o.failed = true; runtime.Goexit() }

func TestHave(t *testing.T) {
	missing := errors.New("not here")
	for name, c := range map[string]struct {
		listed          string
		problem         error
		skipped, failed bool
	}{
		"there":             {"gpu", nil, false, false},
		"missing":           {"", missing, true, false},
		"missing, promised": {"page gpu", missing, false, true},
		"another promised":  {"page gpus", missing, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TABSEEK_NEED", c.listed)
			o, done, passed := &outcome{TB: t}, make(chan bool), false
			go func() {
				defer close(done)
				Have(o, GPU, c.problem)
				passed = true
			}()
			<-done
			require.Equal(t, outcome{t, c.skipped, c.failed}, *o)
			require.Equal(t, c.problem == nil, passed)
		})
	}
}

func TestFile(t *testing.T) {
	_, err := os.Stat(File(t, Fixtures, "engine", "enginetest", "need", "need.go"))
	require.NoError(t, err)
	_, err = os.Stat(Golden(t, committed))
	require.NoError(t, err)
}
