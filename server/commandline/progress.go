package commandline

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A Progress is a bar that shows how far a long task is, how fast, and how long it will take: over and over in one line of a
// terminal, and elsewhere in a line now and then.
type Progress struct {
	amount   func(int64) string // what so much is called
	out      io.Writer
	terminal bool
	total    int64
	start    time.Time
	last     time.Time
	from     int64 // what was there at the start
	wide     int   // of the line that is there
}

// NewProgress begins a bar. An amount, of bytes say, is written as amount writes it.
func NewProgress(out io.Writer, total int64, amount func(int64) string) *Progress {
	b := &Progress{amount: amount, out: out, total: total, start: time.Now(), last: time.Now()}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		b.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return b
}

// Begin says how much is there already.
func (b *Progress) Begin(done int64) {
	b.from = done
	fmt.Fprintf(b.out, "going on after %s\n", b.amount(done))
}

// Show tells how much is done.
func (b *Progress) Show(done int64) {
	every := 10 * time.Second
	if b.terminal {
		every = 200 * time.Millisecond
	}
	now := time.Now()
	if now.Sub(b.last) < every {
		return
	}
	b.last = now
	line := b.text(done, now.Sub(b.start))
	if !b.terminal {
		fmt.Fprintln(b.out, line)
		return
	}
	fmt.Fprintf(b.out, "\r%-*s", b.wide, line)
	b.wide = len([]rune(line))
}

// Done clears the line.
func (b *Progress) Done() {
	if b.terminal && b.wide > 0 {
		fmt.Fprintf(b.out, "\r%s\r", strings.Repeat(" ", b.wide))
	}
}

func (b *Progress) text(done int64, took time.Duration) string {
	const cells = 24
	filled := cells
	if b.total > 0 {
		filled = int(cells * min(done, b.total) / b.total)
	}
	bar := strings.Repeat("█", filled) + strings.Repeat("░", cells-filled)
	text := fmt.Sprintf("%s %s of %s", bar, b.amount(done), b.amount(b.total))
	fresh, seconds := float64(done-b.from), took.Seconds()
	if fresh <= 0 || seconds <= 0 {
		return text
	}
	speed := fresh / seconds
	if speed >= 1 {
		text += fmt.Sprintf(", %s/s", b.amount(int64(speed)))
	}
	left := time.Duration(float64(b.total-done) / speed * float64(time.Second))
	return text + fmt.Sprintf(", %s left", left.Round(time.Second))
}
