# Many requests of one integration (or of callers that did not identify themselves) were denied or refused within a minute.
package sallyport.checks.denial_burst

findings contains {
	"id": minute.minute,
	"severity": severity(minute.count),
	"title": sprintf("%d denials within a minute", [minute.count]),
	"why": sprintf("in the minute from %s; %d or more are a burst", [minute.minute, data.review.denialsPerMinute]),
	"records": [minute.first.index, minute.last.index],
} if {
	some minute in input.integration.denials.minutes
	minute.count >= data.review.denialsPerMinute
}

severity(count) := "high" if {
	count >= data.review.denialsPerMinute * 10
} else := "medium"
