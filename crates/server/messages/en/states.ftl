# States, reasons, rules: one for each word of the domain.

install-installed = Installed
install-failed = Failed
install-uninstall-failed = Uninstall failed
install-pending = Pending install
install-not-installed = Not installed
install-not-applicable = Not applicable
install-unknown = Unknown

detail-no-additional-details = Nothing more is known
detail-see-install-error-code = The device reports an error
detail-see-uninstall-error-code = The device reports an error on removal
detail-user-rejected-install = Declined on the device
detail-user-is-not-logged-into-app-store = Not signed in to the App Store
detail-managed-app-no-longer-present = Removed by the person
detail-minimum-os-version-not-met = The device's system is too old
detail-platform-not-applicable = The app does not run on this platform
detail-no-license-available = No licence free
detail-waiting-for-license = Waiting for a licence
detail-program-refused = Apple did not register the person
detail-user-not-enrolled-in-program = Waiting for the terms to be accepted
detail-token-not-usable = The token cannot be used
detail-license-association-pending = Waiting for Apple
detail-apple-trouble = Apple could not do it just now; it is asked again
detail-license-refused = Apple refused the licence
detail-app-not-described = The app's bundle ID is not known yet
detail-awaiting-user-consent = Waiting for the person to allow it
detail-awaiting-device = Waiting for the device
detail-device-unreachable = The device cannot be woken
detail-device-leaving = The device is leaving; the licence returns after it
detail-no-eligible-device = No device that could have the app
detail-installed-unverified = The device took the command; not proved yet
detail-installing = Installing on the device
detail-device-enrolled-through-dep = Enrolled through DEP (2016 policy)
detail-not-requested = Not asked for yet
detail-deadline-ahead = Installed by itself at the deadline, and before it on request
detail-uninstall-pending = Waiting for the removal
detail-license-return-pending = Removed; the licence is on its way back
detail-installed-unmanaged = Installed by the person, not managed

rule-no-deployment = No deployment applies
rule-only-intent = No deployments in conflict
rule-device-group-beats-user-group = A device group beats a user group
rule-available-despite-not-applicable = Available stays, although a device group says not applicable
rule-administrator-beats-user = The administrator's wish beats the person's
rule-install-beats-uninstall = Install beats uninstall
rule-required-and-available-combine = Required and available combine
rule-uninstall-beats-available = Uninstall beats available
rule-not-applicable-beats-rest = Not applicable beats the rest of its kind
rule-exclusion-not-evaluated = Not applicable in a group of the other kind has no effect
rule-set-2016 = 2016
rule-set-2020 = 2020

approval-required = Required
approval-available = Available
approval-not-applicable = Not applicable
approval-uninstall = Uninstall
approval-required-and-available = Required, available
resolution-required-from = Required from { $when }

group-kind-user = User group
group-kind-device = Device group

token-valid = Valid
token-expiring-soon = Expiring soon
token-expired = Expired
token-revoked = Revoked
token-invalid = Invalid
token-assigned-to-external-mdm = Assigned to external MDM
token-read-only = May only read

terms-not-invited = Not invited
terms-creating = Registering with Apple
terms-refused = Apple refused the registration
terms-inviting = Inviting
terms-invited = Invited
terms-accepted = Accepted
terms-retiring = Leaving the programme
terms-retired = Left the programme
invitation-waiting = Waiting for the device
invitation-shown = Shown on the device
invitation-failed = The device could not show it
invitation-silent = No answer; passed on to the next device
invitation-dropped = The device left or enrolled anew
invitation-withdrawn = Not needed any more
invitation-line = { $device }, { $time }: { $outcome }

seat-held = In use
seat-reserved = Apple confirming
seat-returning = Being returned
seat-waiting = Waiting, place { $place }
seat-none = None

enrolment-pending = Enrolling
enrolment-enrolled = Enrolled
enrolment-retiring = Being retired
enrolment-wiping = Being wiped
enrolment-retired = Retired
enrolment-wiped = Wiped
enrolment-removed = Removed
enrolment-gone = No longer managed
enrolment-silent = Not heard for too long
enrolment-dep = DEP
enrolment-user = User enrolment
enrolment-supervised = supervised

licence-owned = Owned
licence-used = Used
licence-way = On the way
licence-foreign = Other server
licence-free = Free
licence-waiting = Waiting
licence-unlimited = Unlimited
licences-unlimited = { $used } used, unlimited
licences-way = on the way { $count }
licences-foreign = other server { $count }
meter-label = Owned { $owned }, used { $used }, on the way { $way }, other server { $foreign }, free { $free }

country-kr = South Korea
country-us = United States
country-jp = Japan
country-cn = China
country-gb = United Kingdom
country-de = Germany

severity-critical = Critical
severity-warning = Warning
severity-information = Information

command-install-application = Install an app
command-remove-application = Remove an app
command-invite-to-program = Invite to the programme
command-managed-application-list = List the apps
command-device-information = Ask about the device
command-device-configured = Finish Setup Assistant
command-remove-profile = Remove the management profile
command-erase-device = Erase the device
command-queued = Waits for the device
command-sent = Sent
command-not-now = Put off by the device
command-acknowledged = Taken by the device
command-error = Error
command-dropped = Not sent
