# What a review finds: the findings of every package sallyport.checks.NAME, but for those that data.review.off names.
# A finding is an object: id (the same thing has the same id in the next review), severity (high, medium or low),
# title, why, and records (their indexes in the log).
package sallyport.review

findings contains object.union(finding, {"check": name}) if {
	some name
	some finding in data.sallyport.checks[name].findings
	not name in data.review.off
}
