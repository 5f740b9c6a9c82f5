package main

import (
	"context"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/util"
)

// TestResult is one test rule's outcome.
type TestResult struct {
	File    string  `json:"file"`
	Row     int     `json:"row"`
	Package string  `json:"package"`
	Name    string  `json:"name"`
	Passed  bool    `json:"passed"`
	Error   string  `json:"error,omitempty"`
	Skipped bool    `json:"skipped,omitempty"`
	Output  string  `json:"output,omitempty"` // what print() said
	Millis  float64 `json:"millis"`
}

// FileCoverage tells the lines of one file that tests reached and those that they did not.
type FileCoverage struct {
	File       string  `json:"file"`
	Coverage   float64 `json:"coverage"` // percent
	Covered    []int   `json:"covered"`
	NotCovered []int   `json:"notCovered"`
}

// test runs every test_ rule of the sources and measures the lines they cover.
func test(request Request) Answer {
	modules, capabilities, problems := parse(request)
	if len(problems) > 0 {
		return Answer{Problems: problems}
	}
	coverage := cover.New()
	data := map[string]any{}
	if len(request.Data) > 0 {
		if err := util.UnmarshalJSON(request.Data, &data); err != nil {
			return Answer{Problems: []Problem{{Code: "data", Message: err.Error()}}}
		}
	}
	store := inmem.NewFromObject(data)
	ctx := context.Background()
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return Answer{Problems: explain(err)}
	}
	runner := tester.NewRunner().
		SetCompiler(ast.NewCompiler().WithCapabilities(capabilities).WithEnablePrintStatements(true)).
		CapturePrintOutput(true).
		RaiseBuiltinErrors(true). // as in the gateway, where a failed built-in function denies
		Filter(request.Run).
		SetStore(store).
		SetModules(modules).
		SetTimeout(maxRun).
		SetCoverageQueryTracer(&yielding{QueryTracer: coverage})
	channel, err := runner.RunTests(ctx, txn)
	if err != nil {
		return Answer{Problems: explain(err)}
	}
	answer := Answer{Tests: []TestResult{}}
	for result := range channel {
		outcome := TestResult{Package: result.Package, Name: result.Name, Passed: result.Pass(), Skipped: result.Skip,
			Output: string(result.Output), Millis: float64(result.Duration.Microseconds()) / 1000}
		if result.Location != nil {
			outcome.File, outcome.Row = result.Location.File, result.Location.Row
		}
		if result.Error != nil {
			outcome.Error = tooLong(result.Error).Error()
		}
		answer.Tests = append(answer.Tests, outcome)
	}
	report := coverage.Report(modules)
	answer.Coverage = report.Coverage
	for _, name := range sortedNames(request.Sources) {
		if found := report.Files[name]; found != nil && !strings.HasSuffix(name, "_test.rego") {
			answer.Lines = append(answer.Lines, FileCoverage{name, found.Coverage, linesOf(found.Covered), linesOf(found.NotCovered)})
		}
	}
	return answer
}

func linesOf(ranges []cover.Range) []int {
	lines := []int{}
	for _, span := range ranges {
		for row := span.Start.Row; row <= span.End.Row; row++ {
			lines = append(lines, row)
		}
	}
	return lines
}
