package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// maxRun is how long one test or one evaluation may take: the interpreter is some fifty times slower than the gateway.
const maxRun = 5 * time.Second

const eventsBetweenYields = 1000

// yielding lets timers run. WebAssembly has one thread, and an evaluation that never pauses is never cancelled.
type yielding struct {
	topdown.QueryTracer
	seen int
}

func (y *yielding) TraceEvent(event topdown.Event) {
	y.seen++
	if y.seen%eventsBetweenYields == 0 {
		runtime.Gosched()
	}
	if y.QueryTracer != nil {
		y.QueryTracer.TraceEvent(event)
	}
}

func (*yielding) Enabled() bool { return true }

func (y *yielding) Config() topdown.TraceConfig {
	if y.QueryTracer == nil {
		return topdown.TraceConfig{}
	}
	return y.QueryTracer.Config()
}

// offline are functions that the gateway answers by a request of its own. Here there is no network, and OPA's own http.send
// would hand that on as an answer where raise_error is false: a rule would then allow what the gateway denies.
var offline = []string{ast.HTTPSend.Name, ast.NetLookupIPAddr.Name}

func init() {
	for _, name := range offline {
		message := fmt.Sprintf("%s reaches out, and there is no network here: give it an answer (with %s as …)", name, name)
		topdown.RegisterBuiltinFunc(name, func(context topdown.BuiltinContext, _ []*ast.Term, _ func(*ast.Term) error) error {
			return topdown.Halt{Err: &topdown.Error{Code: topdown.BuiltinErr, Message: message, Location: context.Location}}
		})
	}
}

// tooLong says of an evaluation that was cancelled why it was: nothing but its time cancels one.
func tooLong(err error) error {
	if !topdown.IsCancel(err) {
		return err
	}
	return fmt.Errorf("did not end within %v", maxRun)
}
