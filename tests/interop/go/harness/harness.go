// Package harness runs cases and reports each in a line: `ok`, case, seconds; or `failed`, case, seconds, why. Fields end
// with tabs. A program is started with the broker's address and the names of the cases to run; none means all of them.
package harness

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Patience is how long anything may take that a case waits for.
const Patience = 60 * time.Second

// Case is something that is tried. It panics where it fails.
type Case struct {
	Name string
	Run  func(address string)
}

// Main runs the cases that are named on the command line.
func Main(cases []Case) {
	address, names := os.Args[1], os.Args[2:]
	failures := 0
	for _, each := range cases {
		if len(names) > 0 && !contains(names, each.Name) {
			continue
		}
		begun := time.Now()
		why := try(each, address)
		seconds := time.Since(begun).Seconds()
		if why == "" {
			fmt.Printf("ok\t%s\t%.2f\n", each.Name, seconds)
		} else {
			failures++
			fmt.Printf("failed\t%s\t%.2f\t%s\n", each.Name, seconds, strings.ReplaceAll(why, "\n", " "))
		}
	}
	if failures > 0 {
		os.Exit(1)
	}
}

func contains(names []string, name string) bool {
	for _, each := range names {
		if each == name {
			return true
		}
	}
	return false
}

func try(each Case, address string) (why string) {
	defer func() {
		if failure := recover(); failure != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", failure, debug.Stack())
			why = fmt.Sprint(failure)
		}
	}()
	each.Run(address)
	return ""
}

// Check panics with an error, where there is one.
func Check(err error) {
	if err != nil {
		panic(err)
	}
}

// Must gives a value, or panics with the error.
func Must[T any](value T, err error) T {
	Check(err)
	return value
}

// Assert panics where something does not hold.
func Assert(holds bool, format string, arguments ...any) {
	if !holds {
		panic(fmt.Sprintf(format, arguments...))
	}
}

// WaitUntil waits until a condition holds, and says what was awaited where it does not.
func WaitUntil(what string, condition func() bool) {
	for end := time.Now().Add(Patience); !condition(); time.Sleep(20 * time.Millisecond) {
		Assert(time.Now().Before(end), "%s within %s", what, Patience)
	}
}

// Record is what is sent, and what is read.
type Record struct {
	Key, Value []byte
	Partition  int32
	Offset     int64
	Time       time.Time
}

// Member is a consumer of a group, of whom the scenarios see what it has read and what it has.
type Member struct {
	lock     sync.Mutex
	records  []Record
	assigned map[int32]bool
	changes  int
	failure  error
	// Close leaves the group (unless the member is static) and waits until it is done.
	Close func()
}

// NewMember makes a member that has nothing yet.
func NewMember() *Member { return &Member{assigned: map[int32]bool{}} }

// Read notes a record.
func (m *Member) Read(record Record) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.records = append(m.records, record)
}

// Assign notes partitions that were added, or taken.
func (m *Member) Assign(partitions []int32, mine bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if len(partitions) > 0 {
		m.changes++
	}
	for _, partition := range partitions {
		if mine {
			m.assigned[partition] = true
		} else {
			delete(m.assigned, partition)
		}
	}
}

// Fail notes an error.
func (m *Member) Fail(err error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.failure = err
}

func (m *Member) see() ([]Record, map[int32]bool, int) {
	m.lock.Lock()
	defer m.lock.Unlock()
	Check(m.failure)
	assigned := map[int32]bool{}
	for partition := range m.assigned {
		assigned[partition] = true
	}
	return m.records[:len(m.records):len(m.records)], assigned, m.changes
}
