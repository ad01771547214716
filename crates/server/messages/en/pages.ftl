# The pages, one after the other.

## Signing in

sign-in-title = Sign in
sign-in-console = Management console
sign-in-console-of = { $organization } management console
sign-in-login = Login
sign-in-password = Password
sign-in-button = Sign in
sign-in-wrong = Login or password is wrong.
sign-in-wait = There were many wrong attempts. Try again in { $span }.
sign-in-busy = Many people are signing in right now. Try again in a few seconds.
sign-in-over = Your session has ended. Sign in again. What you entered last was not saved.
sign-in-forgotten = If you forgot your password, ask another administrator to reset it.

## Dashboard

dashboard-empty-context = Once a token is linked, the apps and licences you bought appear here.
dashboard-location = { $location } location
dashboard-counts = { $apps } apps, { $people } people, { $devices } devices
dashboard-token = Token
dashboard-details = Details
dashboard-days-left = { " " }days left
dashboard-last-sync = Last sync
dashboard-sync-failed = Failed
dashboard-licences = Licences
dashboard-short = { $apps ->
    [one] { $apps } app short
   *[other] { $apps } apps short
}, { $people } people waiting
dashboard-enough = No shortage
dashboard-free-of = { " " }free of { $owned } owned
dashboard-unlimited = { $count ->
    [one] One app with unlimited licences is not counted.
   *[other] { $count } apps with unlimited licences are not counted.
}
dashboard-todo = Needs you
dashboard-list = List
dashboard-critical = { $count } critical
dashboard-warnings = { $count ->
    [one] { $count } warning
   *[other] { $count } warnings
}
dashboard-nothing = No problem
dashboard-open = { " " }open
dashboard-by-app = Licences by app
dashboard-by-app-order = Fewest free first
dashboard-full-list = Open the full list
dashboard-installs = Installs
dashboard-as-devices-say = as { $count } devices report
dashboard-no-installs = No app is deployed yet.
dashboard-running = Running

todo-token-taken = Another server took over this location: { $owner }
todo-token-nobodys = No server manages this location at Apple any more. To manage it again, upload the token again.
todo-token-expired = The token expired on { $date }.
todo-token-refused = Apple does not accept the token.
todo-token-stopped = No new licence can be assigned. Installed apps stay.
todo-token-expiring = { $days ->
    [one] The token expires in { $days } day.
   *[other] The token expires in { $days } days.
}
todo-token-expiring-reason = Upload a new token of the same account by { $date }.
todo-token-read-only = The token’s account can view licences but not assign them.
todo-plans-stopped = { $people ->
    [one] The plan for { $people } person would break a promise and was stopped.
   *[other] The plans for { $people } people would break a promise and were stopped.
}
todo-plans-stopped-more = The plans for more than { $people } people would break a promise and were stopped.
todo-apple-silent = Apple has not answered since { $since }.
todo-apple-silent-reason = Requests are repeated automatically. Devices are still managed meanwhile.
todo-devices-unheard = No device has been heard from since { $since }.
todo-devices-unheard-reason = Check the address of this server and the push certificate. Meanwhile no silent device counts as gone.
todo-sync-failed = The last sync failed.
todo-overdrawn = { $app }: { $short } more licences are in use than are owned.
todo-overdrawn-reason = Apple took some back, as it does after a refund. No new ones are assigned until as many are returned or bought.
todo-short = { $app }: { $waiting } licences short, { $waiting } people waiting.
todo-since = Since { $time }
todo-foreign = { $app }: another server uses { $foreign } of { $owned } licences. { $waiting } people are waiting.
todo-apple-says = Reported by Apple
todo-install-failed = { $devices ->
    [one] { $app } does not install on { $devices } device.
   *[other] { $app } does not install on { $devices } devices.
}
todo-device-says = Reported by the device
todo-terms = { $people ->
    [one] { $people } person has not accepted the VPP terms of use and gets no apps.
   *[other] { $people } people have not accepted the VPP terms of use and get no apps.
}
todo-invited = Oldest invitation: { $time }
todo-no-deployment = { $apps ->
    [one] { $apps } app is not deployed yet.
   *[other] { $apps } apps are not deployed yet.
}
todo-no-deployment-reason = Bought, but nobody gets them.
verb-apps = See apps
verb-devices = See devices
verb-look = Check
verb-people = See people
verb-renew = Renew token
verb-solve = What helps
verb-where = See where used

no-token = No token yet
no-token-advice = Download the token file (.vpptoken) from your Apple VPP account and upload it. The apps and licences you bought are read at once. It usually takes a minute.

## Apps

apps-title = Volume-purchased apps
apps-context = All apps bought from Apple. Nothing is added or deleted here by hand.
apps-search = Search apps
apps-search-hint = Name, publisher, bundle ID
apps-none = No matching apps
apps-none-advice = Change the search or the filter. If you have just bought it, press Sync now.

app-gone = Apple has not listed this app since { $date }. It can no longer be assigned.
app-book = Book
app-overdrawn = { $count } more in use than owned
app-short = { $count } short, { $count } people waiting
app-enough = No shortage
app-views = Views of this app
tab-general = General
tab-deployment = Deployment
tab-devices = Devices
tab-users = Users
tab-licences = Licences
tab-history = History
app-publisher = Publisher
app-version = Version
app-bundle-id = Bundle ID
app-adam-id = App Store ID
app-product-type = Product type
app-minimum-os = Minimum system
app-revocable = Licences can be taken back
app-device-assignable = Assignable to devices
app-retired = Licences retired by Apple
app-store-page = See in the App Store
app-users-none = No matching people
app-users-none-advice = Choose groups under Manage deployment, and their members appear here.
app-devices-none = No matching devices
app-devices-none-advice = Devices that the app is deployed to, or their people, appear here.
app-deployment-none = Not deployed yet
app-deployment-none-advice = Choose groups and an approval, and their members get the app.
app-licences-none = No licence in use
app-licences-none-advice = Each person who accepts the terms and gets the app uses one licence.
deciding-many = A change that affects many people is being applied. Install states and waiting numbers will catch up shortly.
licences-foreign-note = Another server assigned { $count } licences. This server only reads those assignments and does not change them.

waiting-title = { $count } waiting
waiting-more = { $count } more wait behind them.
waiting-order = Those who were moved up first, then by group priority, required first, then by the oldest request.
move-up = Move up
move-up-link = Move up
move-up-link-of = Place of { $whom } in the line
move-back-link = Move back
moved-up-why = Moved up: { $reason }
move-up-title = Place of { $whom } in the line
move-up-head = What moving up does
move-up-places = { $from } → { $to }
move-up-passes = { $count ->
    [one] { $whom } is passed and waits one place longer.
   *[other] { $count } people are passed, { $whom } and those behind. Each waits one place longer.
}
move-up-passes-some = { $whom } and those behind are passed. Each waits one place longer.
move-up-passes-nobody = Nobody is passed now. Once moved up, nobody of a higher priority who comes later gets ahead of them.
move-up-takes-nothing = Nobody loses a licence that they have.
move-up-served = Gets one of the licences that are free now
move-up-reason = Reason
move-up-reason-help = Shown in the history, in the list of those who wait, and in the answer to “why?”.
move-up-not-waiting = { $whom } does not wait for a licence of this app.
move-up-refused = Not moved up: they do not wait for a licence of this app any more.
move-up-already = Not saved: somebody else has moved them up already.
moved-up-head = Moved up in the line
move-back = Move back
move-back-note = Moved back, they wait where the priority of their groups puts them. It ends by itself once they have a licence, or when they are not to have the app any more.
remedy-buy = Buy more
remedy-buy-advice = Buy { $count } and nobody has to wait. After the next sync they are assigned automatically.
remedy-return = Take licences back
remedy-return-advice = Set the approval of a group that does not need the app to Uninstall. The licences are returned once the app is gone.
remedy-return-foreign = Another server uses { $count }. Take them back there, and this server can use them.
remedy-narrow = Narrow the deployment
remedy-narrow-advice = Change Required to Available, and only those who ask use a licence.

## Deployment

deployment-manage = Manage deployment
deployment-context = { $app } · { $owned } owned, { $used } used, { $free } free
deployment-context-unlimited = { $app } · { $used } used, unlimited
deployment-needs-group = You need a group to deploy an app to.
deployment-choose = Choose groups and their approval
deployment-note-new = A new group.
deployment-note-dropped = The app is deployed to this group now. Leaving it out works like Uninstall.
deployment-note-same = As it is now.
deployment-note-changed = Changed from { $from } to { $to }.
deployment-note-license = Licence type changed from { $from } to { $to }. The new licence is assigned and the app installed with it before the old one is returned.
deployment-note-external = From now on somebody else installs it. Licences stay, and Allotment installs and removes nothing any more. What it has installed stays on the devices.
deployment-note-kept = Licences kept for this group changed from { $from } to { $to }. Nobody loses the licence they have.
deployment-note-managed = From now on Allotment installs it: the devices of those who have a licence are told to.
deployment-note-uninstall = Licences are returned once the app is confirmed removed.
deployment-rule-device-available = A device group can only be Available together with a user group that is Available.
deployment-rule-mixed = When user groups and device groups are saved together, only Available can be chosen. For anything else, save one kind first and then the other.
deployment-rule-deadline = Only Required has a deadline. Until the deadline the app is Available and installed on request; from then on it is Required.
deployment-rule-uninstall = A licence is returned once the app is gone from the devices.
deployment-rule-license = A device licence needs no invitation and no accepted terms; each device uses one. A user licence is one for each person, on all their devices.
deployment-rule-license-not-assignable = This app has no device licences. Automatic uses user licences.
deployment-rule-license-2016 = The 2016 policy uses user licences only.
deployment-rule-installation = “Installed by somebody else” gives licences only, for an app that Munki or another MDM installs. No device is told anything, and the licence returns at once when the group does not have the app any more. It applies to “Required” and “Available”.
deployment-rule-kept = “Licences kept” holds so many licences back for the group, for “Required” and “Available”. While fewer are with those who have the app through this group, nobody else gets the rest. Nobody loses a licence for it.
deployment-kept = { $count ->
    [0] no licences kept
    [one] { $count } licence kept
   *[other] { $count } licences kept
}
deployment-rule-set = Conflicts are resolved by rule set { $set }.
deployment-error = Nothing was saved. Correct the marked groups.
deployment-error-device-available = A device group cannot have Available. Choose Required, Not applicable or Uninstall.
deployment-error-mixed = User groups and device groups that are set in one go can only be Available. Save the groups of one kind first, then the others.
deployment-error-deadline-not-required = Only Required has a deadline. Set the deadline to None.
deployment-error-twice = The same group was chosen twice. Choose it once.
deployment-error-external = Only what is required or available can be installed by somebody else.
deployment-error-kept-without-install = Licences can be kept only where the app is Required or Available.
deployment-error-kept = Enter how many licences to keep as a number, a million at most.
deployment-error-deadline = Enter the whole date and time.
deployment-error-past = The deadline has passed. Choose today or later.
deployment-error-approval = Choose an approval.
deadline-none = None
deadline-days = Within { $days } days (until { $date })
deadline-custom = Custom
deadline-custom-label = Date and time

preview-title = Preview
preview-save-title = Review and save
preview-context = { $count ->
    [one] { $app } · { $count } line of the deployment changes. Saving does what is shown here.
   *[other] { $app } · { $count } lines of the deployment change. Saving does what is shown here.
}
preview-steps = Steps
preview-step-choose = Groups and approvals
preview-not-saved = Not saved yet
preview-show = Preview
preview-hint = Before anything is saved, the preview shows who gets the app and who loses it.
preview-refresh = Refresh preview
preview-back = Back
preview-stamp = As of { $when } · deployment version { $version }
preview-stamp-apple = Apple as of { $when }
preview-nothing = Nobody gets or loses the app.
preview-gain = { $gains ->
    [one] { $gains } more licence is needed.
   *[other] { $gains } more licences are needed.
}
preview-lose = The app is removed from { $loses }.
preview-gain-lose = { $gains ->
    [one] { $gains } more licence is needed, and the app is removed from { $loses }.
   *[other] { $gains } more licences are needed, and the app is removed from { $loses }.
}
preview-stops = { $count ->
    [one] One licence for an app that somebody else installed is taken back: the app stays on the device and stops working.
   *[other] { $count } licences for an app that somebody else installed are taken back: the app stays on the devices and stops working.
}
preview-parts = Licences: { $parts }.
preview-part-now = { $count } now
preview-part-later = { $count } after returns
preview-part-ready = { $count } once ready
preview-part-waits = { $count } waiting
preview-owned = Owned
preview-out = Used
preview-out-foreign = { $count } of them by other servers
preview-free = Free now
preview-free-reason = Assigned at once
preview-short = { $count } more used than owned
preview-coming-back = To be returned
preview-coming-back-reason = Once the app is confirmed removed
preview-coming-back-at-once = At once after saving
preview-coming-back-both = Once removals are confirmed; where somebody else installed, at once
preview-needed = Needed
preview-needed-reason = { $gains } new, { $already } waiting already
preview-waits = Waiting
preview-waits-reason = No licence left
preview-waits-kept = The { $count } left are kept for groups
preview-kept-in-vain = More licences are kept for groups than are owned: { $count } too many. What is free goes to the members of these groups, in the order in which they wait.
preview-kept = Stay in use
preview-foreign = Other servers
preview-given = Newly assigned
preview-left = Left
preview-left-reason = After everything is assigned and returned
preview-people = Who is affected
preview-total = { $count } in total
preview-nobody = This deployment reaches nobody.
preview-concerned = Whom the change is about
preview-others = Waiting already
preview-others-reason = The order changes
preview-devices = { $count ->
    [one] { $count } device
   *[other] { $count } devices
}
preview-external = licence only, somebody else installs
preview-external-loses = the app stays on the device and stops working
preview-and-more = and { $count } more
preview-lines = What changes
preview-lines-none = No line of the deployment changes.
preview-line-none = None
preview-line-approval = “{ $approval }”
preview-later = At the deadline
preview-later-needed = { $needed } will need a licence, { $waiting } of them have to wait
preview-requests = Requests to Apple
preview-request-users = Register { $count }
preview-request-associate = Assign to { $count }
preview-request-disassociate = Return from { $count }
preview-request-later = Assign to { $count } after returns
preview-requests-total = Requests
preview-requests-reason = When each kind can be sent in one go. Removals that are confirmed at different times are returned in parts.
preview-confirm = { $count ->
    [one] I confirm that { $count } licence is taken back, and the app and its data are removed.
   *[other] I confirm that { $count } licences are taken back, and the app and its data are removed.
}
preview-confirm-stops = I confirm that { $count } licences are taken back. For { $stops } of them an app that somebody else installed stays and stops working; for the rest the app and its data are deleted.
preview-confirm-help = Deploying the app again does not bring the data back.
preview-unconfirmed = { $count ->
    [one] This takes back { $count } licence. Confirm it below and save again.
   *[other] This takes back { $count } licences. Confirm it below and save again.
}
preview-promise = If the outcome has changed by then, nothing is saved and the difference is shown.
preview-promise-anew = If the outcome has changed by then, nothing is saved and the new outcome is shown.
preview-outdated = The outcome has changed since this was previewed. Nothing was changed and nothing was asked of Apple.
preview-outdated-advice = Below is the preview as of now. Check it and save again.
preview-differences = What is different
preview-differences-people = The numbers are the same, but not the people.
preview-then = When previewed
preview-now = Now

effect-gains = Gets it now
effect-gains-later = Gets it after returns
effect-gains-once-ready = Gets it once ready
effect-waits = Waits
effect-loses = Loses it
effect-loses-licence = Loses the licence
effect-cannot = Cannot get it
effect-may-ask = May ask for it
effect-keeps = Keeps it
effect-hands-over = Returned once replaced
effect-drops = Not included any more
effect-none = Unchanged
fate-has = { $count } have it
fate-hands-over = { $count } returned once replaced
fate-now = { $count } next in line
fate-later = { $count } next after returns
fate-once-ready = { $count } once ready
fate-waits = { $count } waiting
fate-goes = { $count } being returned
fate-cannot = { $count } cannot get it
fate-may-ask = { $count } have not asked
fate-nothing = { $count } not concerned

## Volume Purchase Program

vpp-title = Apple VPP (Volume Purchase Program)
vpp-context = Links one purchase token of the organisation to this server. Tokens come from your
vpp-account = Apple VPP account
vpp-program = Volume Purchase Program · { $name }
token-name = VPP token name
token-organization = Organisation
token-location = Location
token-country = Country or region
token-uid = Account identifier (uId)
token-last-modified = Last updated
token-uploaded-by = uploaded by { $name }
token-expires = Expected expiry
token-last-sync = Last sync
token-never-synced = Not synced yet
token-notified = Notifications from Apple
notified-works = Apple reports at once what changes
notified-untried = Apple is being told where to report
notified-refused = Apple could not report here (error { $number }); changes are looked for every { $every }
notified-in-vain = Apple could not be told where to report; changes are looked for every { $every }
notified-off = Apple is not to report here; changes are looked for every { $every }
notified-last = last one: { $when }
notified-tried = tried: { $when }
token-owner = Managed by
token-owner-us = This server
token-owner-nobody = Nobody
token-facts = Token
token-renew = Renew token
token-time-left = Time left
token-apps = Apps bought
token-licences = Licences owned
year-label = Of the token's year { $gone } days are gone and { $left } are left. 60 and 30 days before the end are marked.
year-today = Today
year-60-days = 60 days before
syncs-title = Latest syncs
syncs-when = Syncs automatically every day at { $times }
syncs-none = Not synced yet.

upload-title = Upload VPP token
upload-intro = The file is read first. The next step asks you to confirm.
upload-intro-renewal = Only a new token of the linked account is taken. The file is read first, then you confirm.
upload-name-help = A name for this console only.
upload-apple-id-help = The Apple ID of the Apple VPP account that the token comes from.
upload-file = Token file
upload-file-help = The .vpptoken file from your Apple VPP account. If another product used it, make a new one.
upload-button = Upload
upload-nothing-changed = The token was not taken. Nothing was changed.
upload-name-missing = Enter a name for the token.
upload-apple-id-missing = Enter the Apple ID.
upload-apple-id-malformed = An Apple ID is a mail address. Enter all of it.
upload-file-missing = Choose the token file.

confirm-title = Link this account?
confirm-renewal-title = Renew the token?
confirm-intro = The file has been read. Nothing is saved yet.
confirm-owner-now = Managed by now
confirm-owner-nobody = Nobody. It can be linked at once
confirm-box = I understand that the linked account cannot be changed later.
confirm-box-help = This cannot be undone. From then on only renewed tokens of the same account are taken. Uploading this token to another MDM may lose assignments.
confirm-yes = Yes, link it
confirm-renewal-box = Use this token in place of the old one.
confirm-renewal-box-help = The linked account stays the same. Uploading this token to another MDM may lose assignments.
confirm-renewal-yes = Yes, renew it

token-refused-empty = The file is empty. Nothing was changed. Download the token from your Apple VPP account again and upload it.
token-refused-too-large = The file is larger than { $limit } KB, so it is not a token. Nothing was changed. Choose the .vpptoken file from your Apple VPP account.
token-refused-device-enrolment = This is a server token for device enrolment (ADE, DEP), not a content token for buying apps. Nothing was changed. Download the location's content token (.vpptoken) under Apps and Books in your Apple VPP account and upload that.
token-refused-not-base64 = This is not a token file: it does not hold base64 text. Nothing was changed. Upload the downloaded .vpptoken file as it is, without opening or editing it.
token-refused-not-json = The token file is damaged: there is no JSON inside the base64. Nothing was changed. Download the token from your Apple VPP account again and upload it.
token-refused-not-a-content-token = This is not a content token: the file has no { $missing }. Nothing was changed. Download the location's content token from your Apple VPP account and upload it.
token-refused-bad-date = The token's expiry "{ $date }" is not a date. Nothing was changed. Download the token from your Apple VPP account again and upload it.
token-refused-expired = The token expired on { $date }. Nothing was changed. Download a new token from your Apple VPP account and upload it.
token-refused-same-again = This is the token that is linked already. Nothing was changed. To renew it, download a new token from your Apple VPP account and upload that.
token-refused-not-usable = Apple cannot be asked with the linked token. Renew it first.
token-refused-revoked = Apple has revoked this token. The password may have been changed, or there is a newer token. Nothing was changed. Download a new token from your Apple VPP account and upload it.
token-refused-unrecognised = Apple does not know this token (error { $number }). Nothing was changed. Download a new token from your Apple VPP account and upload it.
token-refused-other-account = This token belongs to another account. Linked location: { $linked }. Location of this token: { $given }. A linked account cannot be changed. Nothing was changed. Upload a token of { $linked }.
token-refused-held-by-other = Another MDM server manages this account: { $name } ({ $metadata }). Sharing it may lose assignments, so it was not linked. Nothing was changed. Remove the token there, then upload a new one here.
token-refused-not-allowed = This token may not manage licences (error { $number }). Nothing was changed. Make a token with an Apple ID that is a content manager and upload it.
token-refused-apple-unreachable = Apple could not be reached, so the token could not be checked. Nothing was changed. Check the server's internet connection and try again.
token-refused-apple-refused = Apple refused to check the token (error { $number }). Nothing was changed. Try again in a while. If it goes on, make a new token.
token-refused-not-confirmed = The box is not ticked. Nothing was changed. Read what it says, and tick it.
token-refused-upload-gone = The uploaded file is gone: it was linked or cancelled already. Upload the token again.

## Devices

device-enrol = Enrol a device
device-enrol-nobody = Link for a device of nobody
device-of-nobody = Belongs to nobody
narrowed-none-advice = Change the search or the filter.
devices-none = No matching devices
devices-none-advice = Make an enrolment link on a person's page and send it; the person then enrols their own device. For a device that belongs to nobody the link is made here.
devices-search = Search devices
devices-search-hint = Device, person, serial number
device-no-apps = No app applies to this device.
device-commands = Latest commands
device-no-commands = No command has been sent yet.
device-unreachable-since = Not reachable since { $when }
device-leaving-since = since { $when }
device-silent-since = has counted as gone since { $when }
device-to-return = { $count ->
    [one] { $count } licence to be returned
   *[other] { $count } licences to be returned
}
device-refused = Refused after removal
device-leave = Retire, wipe or remove
device-retire = Retire
device-retire-help = Removes the apps that this server installed, then the management profile. The person’s own data stays.
device-retire-title = Retire { $device }?
device-retire-after = Licences are returned once the apps are known to be gone. A device that does not answer stays “being retired”.
device-wipe = Wipe
device-wipe-help = Resets the device to its factory state. This cannot be undone.
device-wipe-title = Wipe { $device }?
device-wipe-after = Licences are returned when the device has been wiped. Once the command has reached the device, it cannot be cancelled.
device-wipe-type = To confirm, type the name of the device: { $device }
device-wipe-other-name = That is not the name of the device. Nothing was sent.
device-wipe-missing = This device cannot be wiped: its profile did not ask for the right to erase when it enrolled, and the right cannot be added later. Only devices that enrol after wiping is allowed in the settings can be wiped.
device-remove = Remove
device-remove-help = For a lost device. Nothing is sent to it, and its licences are returned.
device-remove-title = Remove { $device }?
device-remove-after = Licences are returned at once. If the device connects again, it is refused and the activity shows it. To be managed again it has to enrol again.
device-leave-confirm = { $count ->
    [one] I confirm that one licence is taken back.
   *[other] I confirm that { $count } licences are taken back.
}
device-leave-not-confirmed = Please tick the box. Nothing was done.
device-leave-promise = If the outcome has changed by then, nothing is done and the new outcome is shown.
device-lost = What this does
device-lost-apps = { $count ->
    [0] Has no app that this server installed.
    [one] Removes { $count } app that this server installed, with its data.
   *[other] Removes { $count } apps that this server installed, with their data.
}
device-lost-management = Removes the management profile. No app can be installed on the device afterwards.
device-lost-everything = Erases everything on the device, including photos and documents.
device-lost-identity = Revokes the device’s identity. Nothing that it sends is accepted any more.
device-lost-nothing = Apps and data on the device stay as they are.
device-stay = Cancel and keep managing
device-stay-help = The last command has not been sent to the device yet. If you cancel, apps that were removed are installed again.
device-told = The command has been sent to the device. It cannot be cancelled.
device-leaving-already = The device is already being retired or wiped. Nothing was changed.
device-told-already = The command has already been sent. Nothing was changed.
device-not-enrolled = The device is not enrolled, so it cannot be sent commands. Nothing was changed.
device-enrolled-anew = The device has enrolled again since the page was opened. Nothing was changed.
device-facts = Device
device-enrolled-at = Enrolled
device-informed-at = Details read
device-store-active = Signed in
device-store-inactive = Not signed in
device-setup = Setup Assistant
device-awaiting-configuration = Waiting for the server
identity-title = Identity
identity-until = Good until { $date }
identity-revoked-at = Revoked { $when }
identity-revoke-title = Revoke the identity
identity-revoke-help = Revoke it if the device or a backup was lost and the certificate may be in somebody else’s hands.
identity-revoke-box = Accept no more requests from this device, and stop waking it.
identity-revoke-box-help = This cannot be undone. Installed apps and assigned licences stay as they are. To manage the device again, make a new enrolment link on the person’s page and enrol the device again.
identity-revoke-box-help-nobody = This cannot be undone. Installed apps and assigned licences stay as they are. To manage the device again, remove it here and enrol it with a new link for a device of nobody.
identity-revoke-button = Revoke identity
identity-revoke-not-confirmed = The box is not ticked. Nothing was changed.
check-ins-title = { $count ->
    [one] { $count } check-in message
   *[other] { $count } check-in messages
}
check-ins-help = What the device sent when it enrolled or left. Secrets and the IMEI are not kept. The latest 20 accepted and the latest 20 refused are kept.
check-ins-strangers = { $count ->
    [one] { $count } check-in from an unknown device refused
   *[other] { $count } check-ins from unknown devices refused
}
check-ins-strangers-help = Messages from devices that are not enrolled, or whose signature could not be verified. When a device does not enrol, look here for the reason.
check-in-from = Sent from { $source }
check-in-taken = Accepted
check-in-refused-signature = Refused: the signature could not be verified
check-in-refused-identity = Refused: the device’s certificate is not valid
check-in-refused-taken-by-another = Refused: somebody else’s device
check-in-refused-topic = Refused: not a profile of this server
check-in-refused-message = Refused: unknown message
check-in-refused-user = Refused: users of a device are not managed separately

## People

people-context = The people who get apps and licences.
people-none = No matching people
people-none-advice = Add people and put them into groups, then apps can be deployed to them.
people-search = Search people
people-search-hint = Name, department, mail
person-new = Add a person
person-edit = Edit person
person-email = Mail
person-email-help = Optional. It is not sent to Apple.
person-department = Department
person-office = Office
person-no-email = No mail address
person-left-at = Left { $date }
person-left-note = Left on { $date }. This person gets nothing new, and no device can be enrolled for them.
person-no-apps = No app applies to this person.
person-no-devices = No device is enrolled.
person-no-groups = In no group.
request-button = Request
request-for = Request { $app }
install-again = Install again
install-again-of = Install { $app } again
install-again-on = Install again on { $device }
withdraw-button = Withdraw request
withdraw-for = Withdraw the request for { $app }
invite-again = Invite again
invite-again-help = Once a device has shown the invitation, it is not sent again automatically. Send it again if the person missed it.
invitations-sent = Invitations sent
registration-retired = Apple retired the earlier registration, and a new one was made.
registration-retired-at = Apple retired the earlier registration, and a new one was made. Noticed on { $date }
not-invited-not-linked = No content token is linked, so nobody was invited. Upload a token first.
not-invited-token-not-usable = The content token cannot be used, so nobody was invited. Renew it.
not-invited-left = People who have left are not invited.
not-invited-not-due = No app is due to this person yet. They are registered and invited automatically once one is.
not-invited-registering = The person is being registered with Apple. The invitation follows automatically.
not-invited-accepted = This person accepted the terms already, on { $date }.
not-invited-retired = Apple retires the earlier registration of this person. A new one is made, and the person invited, when an app is due.
not-invited-no-device = No iPhone or iPad can show the invitation: none is enrolled, or none can be reached right now. A Mac, an Apple TV and a Shared iPad cannot show it.
not-invited-waiting = An invitation was sent already. It has been waiting for { $device } since { $time }.
link-title = Enrolment link
link-help = Make a link that works once and send it to the person. Opening it on their device begins the enrolment. It works for 7 days.
link-make = Make an enrolment link
link-once = This link is shown only now. Copy it and send it to the person. It works once, for one device, and expires in 7 days.
link-title-nobody = Enrolment link for a device that belongs to nobody
link-once-nobody = For a kiosk, or a device that several people share: it gets device licences, and nobody is invited. This link is shown only now. Open it on the device. It works once, for one device, and expires in 7 days.
link-label = Address that works once
link-copy = Copy
link-copied = Copied.
leave-title = Leaving
leave-help = Shows first what becomes of groups, devices, apps and licences.
leave-open = Preview leaving
leave-page-title = { $name } · Leaving
leave-context = Groups left: { $groups } · devices: { $devices } · licences to return: { $licences }. Marking this person as left does what is shown here.
leave-app-goes = The app and its data are removed from: { $devices }
leave-licence-comes-back = The licence is returned once the app is confirmed removed.
leave-licence-at-once = The app is on no device, so the licence is returned at once.
leave-licence-external = Somebody else installed the app, so the licence is returned at once. The app stays where it is and stops working.
leave-licence-already = The licence is already being returned.
leave-licence-stays = Apple does not take this licence back. It stays where it is after they have left.
leave-line = Drops out of the line for a licence. Those behind move up.
leave-drops = Is not to get the app any more.
leave-nobody-waits = Nobody is waiting for it, so the licence is left over.
leave-waits = { $before ->
    [one] { $before } person is
   *[other] { $before } people are
} waiting for a licence now, { $after } afterwards
leave-no-apps = No app that they have, or are to get.
leave-kept = What cannot be returned
leave-kept-reason = What Apple does not take back, such as books, stays with this person after they have left.
leave-box = This person has left the organisation.
leave-box-help = You can mark them as back later. Groups and apps are not restored automatically.
leave-button = Mark as left
leave-not-confirmed = The box is not ticked. Nothing was changed.
leave-groups-reason = They leave all groups and get nothing new. Their requests for apps end.
leave-links = Enrolment links stop working. No device can be enrolled for this person.
leave-apple = When all licences have been returned, the person is retired at Apple and their Apple Account is unlinked.
leave-devices-choice = What to do with the devices
leave-devices-retire = Retire
leave-devices-keep = Keep enrolled
leave-devices-help = Retiring removes the organisation’s apps and settings with the profile. Devices that stay enrolled lose this person’s apps only.
leave-device-retires = Is retired: the organisation’s apps and settings are removed.
leave-device-taken-out = Never finished its enrolment, and is removed from the list.
leave-device-leaves-already = Is being retired or wiped already.
leave-device-stays = Stays enrolled: only this person’s apps are removed.
leave-silent = { $days ->
    [one] A device that does not answer for { $days } day is removed from the list, and its licences are returned.
   *[other] A device that does not answer for { $days } days is removed from the list, and its licences are returned.
}
leaving-title = Leaving
leaving-devices = { $count ->
    [one] { $count } device is still enrolled.
   *[other] { $count } devices are still enrolled.
}
leaving-devices-done = No device is enrolled.
leaving-licences = { $count ->
    [one] { $count } licence has not been returned yet.
   *[other] { $count } licences have not been returned yet.
}
leaving-licences-done = All licences have been returned.
leaving-unknown-to-apple = Never registered with Apple.
leaving-to-be-retired = Will be retired at Apple once all licences have been returned.
leaving-retiring = Apple is being asked to retire this person.
leaving-retired = Retired at Apple.
return-title = Coming back
return-as-before = Apple has not been asked to retire this person, so they need not be registered again. Choose their groups again.
return-anew = This person is registered with Apple again, and has to accept the VPP terms of use again. Choose their groups again.
return-perhaps-anew = If Apple has been asked to retire this person already, they are registered again, and have to accept the VPP terms of use again. Choose their groups again.
return-context = Returning does what is shown here.
return-groups = Groups whose rules let them in
return-button = Mark as back
person-look-again = Nothing was changed. Check it again.
person-mail-taken = Nothing was changed. Somebody else has this mail address now. Change theirs first.

## Groups

groups-context = Apps are deployed to groups.
groups-none = No groups
groups-none-advice = You need a group to deploy apps to. Create a group of people or of devices.
group-new = Create a group
group-facts = Group
group-priority-help = The higher the number, the sooner its members get a licence.
group-priority-malformed = Enter a whole number.
members-preview-context = { $name } · { $come } added, { $go } removed. Saving does what is shown here.
members-come = Added
members-go = Removed
members-and-more-devices = and { $count } more
group-save-members = Save members
members-search = Search the members
members-none = Nobody is in this group yet.
members-none-found = No member matches the search.
members-go-help = Choose whom to remove.
members-elsewhere = Chosen in another list
members-chosen = Chosen: { $add } to add, { $remove } to remove
members-lost = You can choose up to { $kept } at once. { $lost } that you chose later were dropped. Save first, then go on.
members-add = Add members
members-offered-none = There is nobody to add.
members-offered-none-devices = There is no device to add.
members-offered-none-found = Nobody was found who can be added. Members and people who have left are not listed.
members-offered-none-found-devices = No device was found that can be added. Members are not listed.
members-offered-more = Search to find others.
members-unchanged = Nothing was changed. Choose whom to add or to remove.
members-absent = Nothing was saved.
members-absent-left = People who have left cannot be added: { $names }.
members-absent-unknown = { $count ->
    [one] One that you chose is no longer there.
   *[other] { $count } that you chose are no longer there.
}
group-no-apps = No app is deployed to this group.
group-delete = Delete group
group-delete-help = Its members are not deleted.
group-delete-refused = It cannot be deleted while apps are deployed to it. Change the deployments first.
membership-title = Members
membership-assigned = Chosen by hand
membership-all = Everyone
membership-all-people = All people
membership-all-devices = All devices
membership-rule = By conditions
membership-text = By a written rule
membership-by-rule = By a rule
membership-help = With a rule, members come and go by themselves and cannot be added or removed by hand. Back to “Chosen by hand”, whoever is a member then stays.
membership-new-help = “Everyone” means all people or all devices. Conditions are entered after the group is made.
rule-title = Membership rule
rule-context = Before anything is saved, you see who is added and who is removed.
rule-none = Members of this group are chosen by hand. They can also follow from conditions, such as department or office.
rule-make = Create a rule
rule-change = Change the rule
rule-check = Check
rule-walked = Members are being changed to follow the rule
rule-members = Members of this group follow from its rule, and cannot be added or removed by hand.
rule-taken-away = Chosen by hand. Whoever is a member now stays.
rule-now = The rule is now: { $rule }
rule-match-all = All conditions are met
rule-match-any = Any condition is met
rule-choose = Choose
rule-rows-help = Separate several values with commas. For a group, enter its name. Rows without a choice are ignored.
rule-row-add = Add a condition
rule-row-drop = Remove
rule-row-drop-of = Remove condition { $number }
rule-row-attribute = Condition { $number }: attribute
rule-row-operator = Condition { $number }: comparison
rule-row-value = Condition { $number }: value
rule-text = Rule
rule-text-help = Example: user.department -eq "Sales" -and -not memberOf "Contractors". Join conditions with -and, -or, -not and brackets; everyone is all. Operators: -eq, -ne, -in, -notIn, -startsWith, -contains, -notContains, -ge, -lt.
rule-matching = Matching: { $count }
members-come-into = Added to { $group }
members-go-from = Removed from { $group }
rule-attribute-group = Group
rule-attribute-name = Name
rule-attribute-model = Model
rule-attribute-system = Operating system
rule-attribute-version = System version
rule-attribute-supervised = Supervised
rule-attribute-dep = Enrolled through DEP
rule-yes = Yes
rule-no = No
rule-operator-equal = is
rule-operator-not-equal = is not
rule-operator-in = is one of
rule-operator-not-in = is none of
rule-operator-starts = starts with
rule-operator-contains = contains
rule-operator-not-contains = does not contain
rule-operator-at-least = is at least
rule-operator-below = is below
rule-part-equal = { $attribute } is { $value }
rule-part-not-equal = { $attribute } is not { $value }
rule-part-in = { $attribute } is one of { $value }
rule-part-not-in = { $attribute } is none of { $value }
rule-part-starts = { $attribute } starts with { $value }
rule-part-contains = { $attribute } contains { $value }
rule-part-not-contains = { $attribute } does not contain { $value }
rule-part-at-least = { $attribute } is at least { $value }
rule-part-below = { $attribute } is below { $value }
rule-part-member = Member of { $value }
rule-part-not-member = Not a member of { $value }
rule-part-not = Not true: { $part }
rule-problem-at = Character { $at } of the rule: { $problem }
rule-problem-empty = Enter at least one condition.
rule-problem-too-large = The rule is too long. Split it into several groups, and use those as conditions.
rule-problem-attribute = { $name } is not an attribute.
rule-problem-of-devices = { $name } is an attribute of devices, and cannot be used for a group of people.
rule-problem-operator-missing = An operator is missing.
rule-problem-operator = { $name } is not an operator that can be used here.
rule-problem-not-for-this = { $attribute } cannot be compared with “{ $operator }”. Possible comparisons: { $known }.
rule-problem-value = Enter a value.
rule-problem-condition = A condition is missing.
rule-problem-unknown-value = { $value } is not a value of { $attribute }. Possible values: { $known }.
rule-problem-version = { $value } is not a version. Enter numbers and dots, such as 17.5.
rule-problem-group = There is no group { $name } of this kind.
rule-problem-unquoted = A closing quotation mark is missing.
rule-problem-unclosed = A bracket is not closed.
rule-problem-unexpected = { $text } cannot stand here.
rule-problem-circle = These groups use each other as conditions: { $groups }. Take the group out of the rule of one of them.
rule-group-used = It cannot be deleted while the rules of other groups use it: { $groups }. Change those rules first.
updates-title = Updates
updates-unknown = The App Store has not said which version it has.
updates-none-older = No device is known to have an older version.
updates-older = { $count ->
    [one] { $count } device has an older version
   *[other] { $count } devices have an older version
}
updates-automatic = Automatic
updates-by-hand = Released by hand
updates-released-none = Released by hand, none so far
updates-released = Released by hand, up to version { $version }
updates-release = Release version { $version }
updates-help = Automatic sends every new version to all devices that have the app, whether it is required or available. Released by hand, a version goes out while it is the newest. Each device is told once of each version, and on unsupervised devices its person is asked. Under the 2016 policy only required apps are updated.
updates-stale = Not saved. Somebody else changed the updates of this app since you opened it. Check it again.
ownership-title = Ownership
ownership-company = Company
ownership-personal = Personal
ownership-unknown = Not set
ownership-help = Devices do not report this, so it is set by hand. Rules of device groups can use it.
ownership-stale = Not saved. Somebody else changed the ownership since you opened this device. Check it again.

## Activity, settings, search

activity-context = What is under way, and the history of every change.
history-earlier = Earlier
settings-context = For all people and devices.
settings-policy = Deployment policy
settings-policy-2016 = 2016 policy
settings-policy-2016-help = Works the way the 2016 product did: devices enrolled through DEP get no apps, and an install without a free licence counts as failed. When off, it counts as waiting for a licence. The order of waiting is the same.
settings-rule-set = Conflict rules
settings-rule-set-help = Which rules to follow when several deployments meet on one device. In 2016 install beats uninstall; in 2020 uninstall beats available within one kind of group.
settings-rule-set-more = All rules of both sets
rule-sets-context = What comes out when several deployments of an app meet on one device. Every answer to “Why?” names the rule that decided.
rule-sets-in-force = { $set } (in force)
rule-sets-within = Groups of one kind
rule-sets-within-reason = First, groups of one kind among themselves: user groups, or device groups.
rule-sets-meets = Approvals that meet
rule-sets-across = User groups and device groups
rule-sets-across-reason = Then, what user groups say together with what device groups say together.
rule-sets-user-groups = User groups
rule-sets-device-groups = Device groups
settings-inventory = Check installed apps every (days)
settings-inventory-help = How often each device is asked for its list of apps. A required app that the person deleted is installed again then.
settings-first-check = Check an install after (seconds)
settings-first-check-help = How soon a device that accepted an install or a removal is asked whether it is done. Until it is, each pause is twice as long as the one before.
settings-retry = Try a failed install again after (seconds)
settings-retry-help = Each further failure doubles the pause. After several in a row the app shows as failed, and is tried again only as often as installed apps are checked.
settings-invite-next = Wait for an invitation to be answered (minutes)
settings-invite-next-help = If a device does not answer an invitation to the programme within this time, the person’s next device is invited.
settings-number-wrong = Enter a whole number from 1 to { $most }. Nothing was saved.
settings-count-wrong = Enter a whole number from { $least } to { $most }. Nothing was saved.
settings-take-back = Changes that take licences back
settings-take-back-help = A change that goes beyond both limits is confirmed a second time, with the number of licences. This cannot be switched off.
settings-take-back-share = Confirm above this share (per cent)
settings-take-back-share-help = Of the licences of one app that are in use. 1 to 50.
settings-take-back-more-than = And above this many licences
settings-take-back-more-than-help = Fewer are taken back without a second confirmation, whatever their share. 1 to 100.
settings-approval = Another administrator approves large changes
settings-approval-help = A change that is confirmed a second time and takes back more licences than set here is not saved at once: it waits up to seven days for another administrator. While this is on, switching it off or raising these limits needs another administrator too.
settings-approval-above = Ask above this many licences
settings-approval-above-help = 0: every change that is confirmed a second time. Up to 10,000.
settings-approval-said = above { $count } licences
settings-leaving = Devices that leave
settings-wiping = Allow devices to be wiped
settings-wiping-help = When on, the profiles of devices that enrol from then on also ask for the right to erase. It cannot be added to a device that is already enrolled: switch it on before devices enrol, and let people know.
settings-silent = Take licences back from silent devices
settings-silent-help = A device that has not been heard from for this long, and does not answer when it is woken, counts as gone and its licences are returned. When it answers again it gets its apps and licences back automatically. If no device at all is heard from for a day, the trouble is this server’s, and nothing is taken back.
settings-silent-days = Days of silence
settings-silent-wrong = Enter a number of days from 1 to { $most }. Nothing was saved.
settings-silent-after = { $days ->
    [one] After { $days } day
   *[other] After { $days } days
}
settings-preview-context = Saving does what is shown here.
settings-preview-silent = { $count ->
    [one] One device has been silent for longer than this. It is woken first; if it does not answer within a day, it counts as gone, and what is shown here happens.
   *[other] { $count } devices have been silent for longer than this. They are woken first; those that do not answer within a day count as gone, and what is shown here happens.
}
settings-preview-back = { $count ->
    [one] One device no longer counts as gone.
   *[other] { $count } devices no longer count as gone.
}
settings-server = Server
settings-public-url = Public address
settings-time-zone = Time zone
settings-push = Waking devices
settings-push-ready = Ready
settings-push-missing = No push certificate
settings-file = These are set in the server's configuration file.
search-title = Search
search-context = "{ $query }": { $count ->
    [one] { $count } result
   *[other] { $count } results
}
search-nothing = Nothing found
search-nothing-advice = Try part of a name, a serial number or a bundle ID.

## Reclaim rules

reclaim-context = When licences come back, and what each rule took back last.
reclaim-rule = Rule
reclaim-state = State
reclaim-last = Last time
reclaim-returned = Total
reclaim-count = { $count ->
    [one] { $count } licence
   *[other] { $count } licences
}
reclaim-always = Always on
reclaim-on = On
reclaim-off = Off
reclaim-change = Change the rules
reclaim-stale = Nothing was saved. Somebody else changed the settings after you opened this page. Please look again.
reclaim-uninstalled = Uninstalled by a deployment
reclaim-uninstalled-reason = The approval was changed to Uninstall or Not applicable. The licence is returned once the app is gone.
reclaim-left-all-groups = Left all groups
reclaim-left-all-groups-reason = In no group any more that the app is deployed to. The app is removed first.
reclaim-left-all-groups-switch = Take back from people and devices that left all groups
reclaim-left-all-groups-help = When off, they keep the apps and licences that they have until a deployment says Uninstall. From people who left the organisation licences are always returned.
reclaim-person-left = Person left
reclaim-person-left-reason = All licences of whoever is marked as having left.
reclaim-device-gone = Device retired, wiped or unenrolled
reclaim-device-gone-reason = The app left the device with the management profile.
reclaim-device-removed = Device removed from the list
reclaim-device-removed-reason = Lost or broken.
reclaim-device-silent = Device silent
reclaim-device-silent-reason = Not heard from for the time that is set, and not answering when it is woken.
reclaim-removed-by-person = App removed by the person
reclaim-removed-by-person-reason = An app that is not required was removed from all of their devices, so long ago as is set.
reclaim-removed-switch = Take back licences of apps that people removed
reclaim-removed-help = Only of apps deployed as Available. Whoever needs the app again asks for it again. A required app is not taken back but installed again.
reclaim-removed-days = Days since it was removed
reclaim-not-needed = Replaced by another licence
reclaim-not-needed-reason = The app is installed with another licence of the person or the device, or there is no device that can have it.
reclaim-silent-elsewhere = The time for silent devices is set in the settings.

## Accounts, sessions, keys

accounts-context = { $accounts ->
    [one] { $accounts } account
   *[other] { $accounts } accounts
}, { $sessions ->
    [one] { $sessions } session
   *[other] { $sessions } sessions
}, { $keys ->
    [one] { $keys } API key
   *[other] { $keys } API keys
} · every change is in the history
accounts-context-looking = { $accounts ->
    [one] { $accounts } account
   *[other] { $accounts } accounts
}, { $keys ->
    [one] { $keys } API key
   *[other] { $keys } API keys
} · every change is in the history
accounts-title = Accounts
accounts-search = Search accounts
accounts-search-hint = Name, login
accounts-none = No matching accounts
account-new = Add an account
account-facts = Account
account-edit-named = Edit { $name }
account-enabled = Enabled
account-disabled = Disabled
account-never = Never signed in
account-login-help = Typed to sign in. It cannot be changed later.
account-disable-help = A disabled account cannot sign in, and its sessions end. The history stays.
account-own-note = Only another administrator can change the role and state of your own account.
account-own-password = Password and sessions are changed under My account.
role-help = Read only can see everything and change nothing.
password-reset = Reset password
password-reset-help = Tell the person the new password yourself. All sessions of this account end.
password-change = Change password
password-change-help = All sessions but this one end.
password-old = Current password
password-new = New password
password-again = Confirm new password
password-differs = This is not the same as the new password. Type it once more.
password-rule = Enter at least { $least } characters.
unlock-title = Sign-in limit
unlock-help = After several wrong passwords the next attempt has to wait. Clearing the limit forgets the failed attempts so far.
unlock-button = Clear the limit
sessions-title = Sessions
sessions-mine = My sessions
sessions-idle = They end after { $idle } without use, and after { $most } at the latest
sessions-none = Nobody is signed in.
session-here = This session
session-unknown-browser = Unknown browser
session-end = End session
session-end-for = End the session of { $name } in { $browser }
sessions-end-all = End all sessions
sessions-end-others = End all other sessions
keys-title = API keys
keys-once = A key is shown only once, when it is made
keys-none = There is no API key yet. A program needs one to use the REST API.
key-new = Make an API key
key-facts = Key
key-name-help = Say what the key is for.
key-lasts = Valid for
key-lasts-help = After that the key stops working. Replace it before then.
key-no-end = Does not expire
key-expired = Expired
key-revoked = Revoked
key-never-used = Never used
key-change = Manage
key-change-named = Manage API key { $name }
key-secret-title = New API key
key-secret-once = This key is shown only now. Copy it into your program.
key-rotated-at = Replaced
key-previous-until = The old key works until { $when }
key-rotate = Replace
key-rotate-help = Makes a new key with the same role and the same lifetime. The current key works for another { $span }.
key-rotate-at-once = End the current key at once.
key-revoke = Revoke
key-revoke-box = This key stops working.
key-revoke-help = This cannot be undone. Programs that use the key stop at once.

## What an employee sees

enrol-title = Enrol this device
enrol-intro = { $person }, enrol this device to get the apps that { $organization } bought. It takes a few minutes.
enrol-intro-nobody = Enrol this device to get the apps that { $organization } bought. It takes a few minutes, and no Apple ID is needed.
enrol-steps = What happens
enrol-step-download = Download the enrolment profile below.
enrol-step-download-more = Open this page in Safari on the device that you want to enrol.
enrol-step-settings = Install the profile in Settings.
enrol-step-settings-more = Tap "Profile Downloaded" at the top of Settings, then Install.
enrol-step-accept = Allow remote management.
enrol-step-accept-more = The device may ask for its passcode.
enrol-step-terms = Join the programme when Apple asks you.
enrol-step-terms-more = Agree once with the Apple ID that you use. The apps are installed after that.
enrol-download = Download enrolment profile
enrol-once = This link works once, for one device.
enrol-privacy = What your company sees, and what it does not
enrol-sees-device = Name, model, serial number and system version of the device
enrol-sees-apps = Whether the apps from your company are installed
enrol-sees-terms = Whether you are signed in to the App Store, and whether you joined the programme
enrol-not-account = It does not see your Apple ID or password
enrol-not-private = It does not see your own apps, photos or messages
enrol-apple = Your company sends Apple a random identifier in place of your name.
enrol-used = This link has been used
enrol-used-advice = A link works once. Ask your IT contact for a new one to enrol another device, or this one again.
enrol-expired = This link has expired
enrol-expired-advice = A link works for 7 days. Ask your IT contact for a new one.
enrol-ended = This link is no longer valid
enrol-ended-advice = Ask your IT contact.
enrol-unknown = This link is not known
enrol-unknown-advice = Check that the whole address was copied. If it still does not open, ask your IT contact for a new one.
enrol-busy = Many devices are enrolling right now
enrol-busy-advice = Your link stays good. Open it again in a few seconds.
enrol-not-ready = Enrolment is not ready
enrol-not-ready-advice = The server is not ready yet. Tell your IT contact. The link stays good.

# Many at once.

bulk-pick-column = Select
bulk-pick = Select { $name }
bulk-all = All in this list ({ $count })
bulk-all-more = All in this list (more than { $count })
bulk-what = What to do with those selected
bulk-continue = Continue
bulk-members = Several members at once
bulk-members-help = For the members ticked above, or for the whole list as chosen below. The next page previews it first.
bulk-add-to-group = Add to a group
bulk-remove-from-group = Remove from this group
bulk-give-app = Give an app
bulk-take-back-app = Take the app back
bulk-invite-again = Invite again
bulk-move-up = Move up in the line
bulk-chosen = Selected: { $count }
bulk-step-choose = What to do
bulk-step-do = Review and do it
bulk-do = Do it
bulk-nobody = Nothing is selected
bulk-nobody-advice = Tick people or devices in the list, and continue.
bulk-choose-first = First choose what to do.
bulk-no-apps = There is no app that can be deployed.
bulk-no-groups = There is no group to add to. Make one first.
bulk-which-app = App
bulk-which-group = Group
bulk-by-rule = Groups with a rule cannot be chosen, since their members follow from it: { $groups }
bulk-group-by-rule = The group has a rule. Its members follow from it, so nobody is added or removed by hand.
bulk-new-group = Make a new group
bulk-new-group-help = Makes a group of those selected, and deploys the app to it.
bulk-new-name = Name of the new group
bulk-given-by = Groups through which they get it
bulk-other-apps = { $count ->
    [one] one other app is deployed to it
   *[other] { $count } other apps are deployed to it
}
bulk-how-taken-back = How it is taken back
bulk-from-groups = Remove them from the groups above
bulk-from-groups-help = They may lose other apps of those groups too. Members of groups with a rule are skipped.
bulk-except = Add to a group that is ‘not applicable’: { $group }
bulk-except-new = Make a new group that is ‘not applicable’
bulk-except-help = They stay in their groups, and lose only this app where they get it through groups of the same kind. Other apps stay.
bulk-preview-context = Of { $all } selected, it is done for { $does }.
bulk-nothing = There is nothing to do
bulk-nothing-advice = All who are selected are skipped, for the reasons in the list.
bulk-no-app-concerned = Nobody gets or loses an app by this change.
bulk-skipped = Skipped
bulk-done = Done
bulk-done-number = Done
bulk-selected = Selected
bulk-done-reason = What it does to apps, licences and invitations follows soon. All that was done is in the activity.
bulk-told = See the result
bulk-part = Part of what was done to many
bulk-too-many = At most { $count } can be done at once. Narrow the list with a filter or a search. Nothing was changed.
bulk-group-kind = The group is of the other kind. People go into groups of people, devices into groups of devices.
bulk-people-only = This can be done for people only.
bulk-not-deployed = The app is not deployed to this group as ‘required’ or ‘available’.
bulk-not-excluded = The app is not deployed to this group as ‘not applicable’.
bulk-needs-approval = It takes back so many licences that another administrator has to approve it. Change the group or the deployment itself, where approval can be asked for, or select fewer.
bulk-skip-already-in = In the group already
bulk-skip-not-in = Not in the group
bulk-skip-left = Left
bulk-skip-gone = Device that is not managed any more
bulk-skip-unknown = Not there any more
bulk-skip-not-due = In no group that gives the app
bulk-skip-by-rule = Through a group with a rule
bulk-skip-by-person = Through a group of the device’s user
bulk-skip-not-waiting = Waits for no licence
bulk-skip-moved-up-already = Moved up already
bulk-skip-not-linked = There is no token
bulk-skip-token-not-usable = The token cannot be used
bulk-skip-no-program = No app that needs the programme is due
bulk-skip-registering = Being registered at Apple; the invitation follows by itself
bulk-skip-accepted = Terms accepted already
bulk-skip-retired = Retired at Apple
bulk-skip-no-device = No device can show the invitation
bulk-skip-invitation-waiting = The device has not answered the last invitation yet

# Changes, their restoring, and those that wait for another administrator.
change-number = Change { $number }
change-of-deployment = Deployment of { $name }
change-of-members = Members of { $name }
change-of-rule = Membership rule of { $name }
change-of-settings = Settings
change-of-updates = Updates of { $name }
change-of-leaving = { $name } left
change-by = { $by }, { $when }
change-approved-by = Asked for by { $asked }, approved by { $by }, { $when }
change-undoes = takes back change { $number }
change-undone = What was before was restored:
change-thing = { $name } now
change-said = What was changed
change-would = What changes
change-before = Before
change-after = After
change-undo = Restore what was before
change-later = { $count ->
    [one] { $count } later change was made to the same.
   *[other] { $count } later changes were made to the same.
}
change-later-reason = Restoring brings back what was before this change, and takes those back as far as they concern the same.
change-back = Comes back
change-not-back = Does not come back
change-back-lines = { $count ->
    [0] No deployment
    [one] { $count } line of the deployment
   *[other] { $count } lines of the deployment
}
change-back-come = Into the group: { $count }
change-back-go = Out of the group: { $count }
change-back-rule = The rule that was there
change-back-by-hand = Members are put in by hand again
change-back-settings = All settings as they were
change-back-updates = How it was updated before
change-not-back-nothing = Nothing is lost.
change-not-back-data = Data inside apps that were removed from devices. The app comes back without it.
change-not-back-licences = Licences that others have taken meanwhile. Whoever had one waits in line.
change-not-back-new-data = Restoring also removes what was installed since, with the data in it.
change-not-back-settings = What devices and Apple did meanwhile under the settings of this change.
change-not-back-updates = Versions that devices have installed meanwhile. No version is replaced by an older one.
change-not-back-by-hand = Members at once: first the rule goes. After that, who was put in by hand before comes back from this page.
change-not-back-devices = Devices that left, and the data on them. They enrol again.
change-not-back-retired = The registration with Apple, once the person was retired there. They are invited anew.
change-missing-group = The deployment to { $name }: the group was deleted.
change-missing-left = { $count ->
    [one] { $count } person who has left: { $names }
   *[other] { $count } people who have left: { $names }
}
change-missing-unknown = { $count ->
    [one] { $count } member who is not known any more
   *[other] { $count } members who are not known any more
}
change-undo-reason = Restoring is a change too: it is previewed and confirmed.
change-undo-preview = Preview restoring
change-restore = Restore
change-restore-title = Restore: { $title }
change-stale = Nothing was saved: somebody changed this meanwhile. This is what restoring would do now.
change-promised = What the preview said
change-takes-back = Licences taken back
change-now = Now
change-now-reason = Of the app as a whole, whatever changed since.
change-members-now = In the group: { $count }
change-members-asked = The rule is still being asked of everybody.
unrestorable-same = It is so already: there is nothing to restore.
unrestorable-app-gone = The app is not owned any more.
unrestorable-group-gone = The group was deleted.
unrestorable-by-rule = The group has a rule by now, which says who its members are. Take the rule away first.
unrestorable-rule-group-gone = A group that the rule looks at was deleted.
unrestorable-too-many = More members changed at once than are kept. Choose them on the page of the group.
unrestorable-leaving = Use Return on the page of the person. Groups are chosen anew.
unrestorable-unreadable = What was kept cannot be read by this version.
button-ask-approval = Ask for approval
held-title = Waiting for approval
held-needed = This is not saved now. Another administrator has to approve it.
held-nobody = There is no other administrator who could approve it. Add an account with all rights first; whatever is asked now expires after seven days.
held-who = Can approve it: { $names }
held-who-more = Can approve it: { $names } and { $count } more
held-asked = Asked for by { $name }, { $when }
held-takes-back = { $count ->
    [one] { $count } licence taken back
   *[other] { $count } licences taken back
}
held-hours-left = { $count ->
    [one] { $count } hour left
   *[other] { $count } hours left
}
held-days-left = { $count ->
    [one] { $count } day left
   *[other] { $count } days left
}
held-look = Look
held-look-approve = Look and approve
held-approve = Approve and save
held-approve-help = This is what happens if you approve it now. If the outcome has changed by then, nothing is saved and the new outcome is shown.
held-until = Not saved yet. Waits for approval until { $when }.
held-stale = The same was changed since this was asked for, so it cannot be approved any more. Turn it down, or withdraw it and ask anew.
held-impossible = This cannot be saved any more as it was asked for. Turn it down, or withdraw it.
held-differs = The outcome is not the one that was seen when this was asked for. Look at what it would do now.
held-turn-down = Turn down
held-reason = Reason
held-withdraw = Withdraw
held-withdraw-help = You asked for this. Only another administrator can approve it; you can withdraw it.
held-approved = Approved and saved by { $name }, { $when }.
held-turned-down = Turned down by { $name }, { $when }: { $reason }
held-withdrawn = Withdrawn by { $name }, { $when }.
held-expired = Expired on { $when }: nobody approved it.

# What people will be asked (A84).
prompts-title = What people will be asked
prompts-none = Nobody is asked anything.
prompts-join = Invitations to the programme
prompts-join-reason = Shown once to whoever has not accepted the VPP terms of use.
prompts-install = Install prompts
prompts-install-reason = Shown when the app comes to a device that is not supervised.
prompts-apple-id = Apple ID passwords
prompts-apple-id-reason = Asked for when the app comes with a user licence.
prompts-part-join = { $count ->
    [one] { $count } invitation
   *[other] { $count } invitations
}
prompts-part-install = { $count ->
    [one] { $count } install prompt
   *[other] { $count } install prompts
}
prompts-part-apple-id = { $count ->
    [one] { $count } Apple ID password
   *[other] { $count } Apple ID passwords
}
