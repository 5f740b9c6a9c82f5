# Two evaluations of one request did not agree. OPA's own SDK and the gateway must never differ; the shadow policy may, and
# its differences are what it is there to show.
package sallyport.checks.differences

findings contains {
	"id": sprintf("reference %s", [input.window.day]),
	"severity": "high",
	"title": sprintf("%d decisions that OPA's own SDK answers differently", [difference.count]),
	"why": "the gateway's evaluator and OPA's must agree on each input",
	"records": [difference.first.index, difference.last.index],
} if {
	difference := input.integration.differences.reference
	difference.count > 0
}

findings contains {
	"id": sprintf("shadow %s", [input.window.day]),
	"severity": "low",
	"title": sprintf("%d requests that the shadow policy decides differently", [difference.count]),
	"why": "look at them before the shadow policy becomes the active one",
	"records": [difference.first.index, difference.last.index],
} if {
	difference := input.integration.differences.shadow
	difference.count > 0
}
