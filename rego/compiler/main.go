// Program compiler is OPA's own compiler behind one JSON request on standard input and one JSON answer on
// standard output. It is built to WebAssembly (wasip1) and run without any access to the host.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/open-policy-agent/opa/v1/ast"
	"sallyport/rego/compiler/guarded"
)

// Request names a command and the Rego sources it works on.
type Request struct {
	Command      string            `json:"command"` // build | check | test | fmt | eval | capabilities | bundle
	Sources      map[string]string `json:"sources"` // file name -> text
	Entrypoints  []string          `json:"entrypoints"`
	Capabilities json.RawMessage   `json:"capabilities"`
	Schema       json.RawMessage   `json:"schema"` // JSON Schema of the input; optional
	Data         json.RawMessage   `json:"data"`   // for test, eval and bundle; optional
	Query        string            `json:"query"`  // for eval
	Inputs       []json.RawMessage `json:"inputs"` // for eval: one answer each
	InputTexts   []string          `json:"inputTexts"`
	Run          string            `json:"run"`       // for test: a regular expression that names must match; optional
	Explain      bool              `json:"explain"`   // for eval: tell which rules were entered and which failed
	Lenient      bool              `json:"lenient"`   // for eval: a failed builtin leaves its expression undefined, as in OPA by default
	AsText       bool              `json:"asText"`    // for eval: inputs and values as a policy's memory writes them, in which sets are sets
	WithTests    bool              `json:"withTests"` // for build: entry points may be tests, which need not be strict
	Revision     string            `json:"revision"`  // for bundle
	Roots        []string          `json:"roots"`     // for bundle
	Grants       []string          `json:"grants"`    // for capabilities: builtins that reach out of the policy and are allowed
}

// Problem is one finding with its place, as an editor shows it.
type Problem struct {
	File    string `json:"file"`
	Row     int    `json:"row"`
	Column  int    `json:"column"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Answer holds what the command gave; Problems is empty exactly when it succeeded.
type Answer struct {
	Problems     []Problem         `json:"problems"`
	OPA          string            `json:"opa,omitempty"`
	Wasm         []byte            `json:"wasm,omitempty"` // base64 in JSON
	PolicyReads  *PolicyReads      `json:"policyReads,omitempty"`
	Rules        [][]string        `json:"rules,omitempty"`      // with build: where below data rules stand
	References   []Reference       `json:"references,omitempty"` // with build and check: where base data is looked at
	Tests        []TestResult      `json:"tests,omitempty"`
	Coverage     float64           `json:"coverage,omitempty"` // percent of lines
	Lines        []FileCoverage    `json:"lines,omitempty"`
	Formatted    map[string]string `json:"formatted,omitempty"` // file name -> text
	Results      []EvalResult      `json:"results,omitempty"`   // one for each input
	Capabilities *ast.Capabilities `json:"capabilities,omitempty"`
	Bundle       []byte            `json:"bundle,omitempty"` // a gzip'd tar
}

func main() {
	guarded.All()
	var request Request
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		fmt.Fprintln(os.Stderr, "the request is not JSON:", err)
		os.Exit(2)
	}
	answer := run(request)
	if answer.Problems == nil {
		answer.Problems = []Problem{}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		os.Exit(2)
	}
}

func run(request Request) Answer {
	switch request.Command {
	case "build":
		return build(request)
	case "check":
		return check(request)
	case "test":
		return test(request)
	case "fmt":
		return reformat(request)
	case "eval":
		return eval(request)
	case "capabilities":
		return capabilities(request)
	case "bundle":
		return bundleUp(request)
	}
	return Answer{Problems: []Problem{{Code: "usage", Message: "unknown command " + request.Command}}}
}
