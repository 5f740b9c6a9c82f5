package main

import (
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestResult is one test rule's outcome.
type TestResult struct {
	File    string `json:"file"`
	Row     int    `json:"row"`
	Package string `json:"package"`
	Name    string `json:"name"`
	Passed  bool   `json:"passed"`
	Error   string `json:"error,omitempty"`
}

// test runs every test_ rule of the sources and measures the lines they cover.
func test(request Request) Answer {
	modules, capabilities, problems := parse(request)
	if len(problems) > 0 {
		return Answer{Problems: problems}
	}
	coverage := cover.New()
	store := inmem.NewFromObject(map[string]any{})
	ctx := context.Background()
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return Answer{Problems: explain(err)}
	}
	runner := tester.NewRunner().
		SetCompiler(ast.NewCompiler().WithCapabilities(capabilities)).
		SetStore(store).
		SetModules(modules).
		SetTimeout(20 * time.Second).
		SetCoverageQueryTracer(coverage)
	channel, err := runner.RunTests(ctx, txn)
	if err != nil {
		return Answer{Problems: explain(err)}
	}
	answer := Answer{Tests: []TestResult{}}
	for result := range channel {
		one := TestResult{Package: result.Package, Name: result.Name, Passed: result.Pass()}
		if result.Location != nil {
			one.File, one.Row = result.Location.File, result.Location.Row
		}
		if result.Error != nil {
			one.Error = result.Error.Error()
		}
		answer.Tests = append(answer.Tests, one)
	}
	answer.Coverage = coverage.Report(modules).Coverage
	return answer
}
