# An integration was used outside of office hours: on another day of the week, or before or after the hours of data.review.
# One finding for each integration and day.
package sallyport.checks.office_hours

office := data.review.officeHours

findings contains {
	"id": input.window.day,
	"severity": "low",
	"title": sprintf("used outside office hours (%s)", [concat(", ", [when | when := hours[_].when])]),
	"why": sprintf("office hours are from %d:00 to %d:00 on %s (%s)", [office.from, office.to, concat(", ", office.days), office.timeZone]),
	"records": [hour.first.index | some hour in hours],
} if {
	not input.integration.name in office.except
	count(hours) > 0
}

hours := [object.union(hour, {"when": sprintf("%s %d:00", [hour.weekday, hour.hour])}) |
	some hour in input.integration.hours
	outside(hour)
]

outside(hour) if not hour.weekday in office.days

outside(hour) if hour.hour < office.from

outside(hour) if hour.hour >= office.to
