# The texts of the library's pages in English. Every other language falls back to these.
# The syntax is Project Fluent's: https://projectfluent.org/fluent/guide/
#
# A message is the title of the page of that kind, its attributes are what the page says.

## Errors of a sign-in, and of what needs one

not-signed-in = Please sign in
    .text = You are not signed in, or your session has ended.

session-ended = Please sign in
    .text = You are not signed in, or your session has ended.

insufficient-authentication = Please sign in again
    .text = This needs a sign-in that is more recent, or a stronger one.

denied = You may not do this
    .text = The sign-in service does not give you access to this.

no-access = You have no access to this app
    .text = The sign-in service knows you, but does not let your account use this app.
    .again = It may have been taken back. Whoever manages this app at the sign-in service can give it again.

misconfigured = This app is not set up correctly
    .text = The app and its sign-in service do not fit each other, so what you asked for cannot work. Trying again will not help: the app’s operator has to fix it, and can find the cause with the reference below.

no-organization = Something is wrong with this page
    .text = It does not say which organization it is about. The app’s developer can fix that.

missing-claims = This page is not for your account
    .text = Your account lacks something this page needs.

cross-site = Not from here
    .text = This request came from another site, so nothing was done.

sign-in-rejected = Sign-in did not work
    .text = The response to your sign-in could not be accepted. This happens when a page is opened twice, when too much time has passed, or when cookies are blocked.

sign-in-unverified = Sign-in did not work
    .text = What the sign-in service sent did not pass a check of this app, so nobody was signed in. You have done nothing wrong. If it happens again, trying further will not help: the app’s operator can find the cause with the reference below.

no-cookies = Sign-in did not work
    .text = Your browser sent no cookie that can be read. If you have only opened an old page again, sign in again. Otherwise the browser blocks the cookies of this site, or one of them is damaged: remove the cookies of this site in the browser’s settings.

sign-in-cancelled = Sign-in was cancelled
    .text = It was not finished: it was cancelled there, or the sign-in service did not let you in. Nothing has changed.

sign-in-refused = The sign-in service refused
    .text = It did not sign you in. The app’s operator can look up what it said, with the reference below.

unmet-authentication = A stronger sign-in was needed
    .text = The sign-in service could not sign you in as securely as this page needs.

provider-unreachable = The sign-in service cannot be reached
    .text = Please try again in a moment.

provider-bad-answer = The sign-in service sent an unusable response
    .text = Please try again in a moment.

provider-failed = The sign-in service had a problem
    .text = Please try again in a moment.

provider-timeout = The sign-in service is taking too long
    .text = Please try again in a moment.

provider-not-ready = Signing in is not possible right now
    .text = The sign-in service is not available. Please try again in a moment.

sign-in-too-large = This sign-in could not be started
    .text = It asks for more than the app can remember until you are back. The app’s developer can fix that.

store-unavailable = This page is not available right now
    .text = The app cannot look up who is signed in. You have not been signed out. Please try again in a moment.

not-admitted = You cannot sign in here
    .text = The sign-in service knows you, but this app has not let you in.

not-allowed = You may not do this
    .text = Your account is signed in, and lacks something that this needs.

hook-failed = Something in this app did not work
    .text = What you asked for was not done, and nothing has changed. Please try again in a moment. If it happens again, the app’s operator can find the cause with the reference below.

session-data = Please sign in again
    .text = This app needs something that it has not remembered since you signed in.

## Questions, and the end of a session

sign-out-question = Sign out?
    .text = You will be signed out of this app.

# The session here has ended, and the sign-in service could not be told.
signed-out = You are signed out of this app
    .text = The sign-in service could not be reached, so you may still be signed in there. This app, and others that use it, may then let you in again without a password.
    .shared-device = On a device that is not yours alone, sign out there later, or close the browser.

# Somebody has opened a link that signs in. $hint is an e-mail address or a name.
sign-in-by-link = Sign in with this link?
    .as = Sign in as { $hint }?
    .text = You have opened a link that signs in without a password.
    .careful = Go on only if you have asked for it yourself. With somebody else’s link you would be in their account, and they could read what you do there.

# The same, while somebody is signed in. $name is theirs.
switch-account = Continue with this link?
    .as = Continue as { $hint }?
    .text = You are signed in as { $name }.

## What a page adds

not-carried-out = What you have just sent was not carried out.

# Who may see a page. $role is a name in quotes, $roles are several with commas.
needs-member = You need to be a member.
    .here = You need to be a member in this organization.
needs-role = You need the role { $role }.
    .here = You need the role { $role } in this organization.
needs-one-role = You need one of the roles { $roles }.
    .here = You need one of the roles { $roles } in this organization.
quoted = “{ $text }”

# Which authentication could not be had. $kind are names in quotes that the sign-in service has for it.
needs-second-factor = It needs a second factor, such as a code from an app or a passkey: set one up in your account there, then try again.
needs-kind-of-sign-in = It needs a sign-in of this kind: { $kind }.
needs-recent-sign-in = It needs a sign-in that is more recent.
still-signed-in = You are still signed in to this app as before.

# Why the sign-in service refuses a token.
no-member = You are not a member of this organization, or it does not exist.
scope-not-asked-for = A scope was not asked for at sign-in: add it to logto.scopes and sign in again.
scopes-not-granted = These scopes were not granted at sign-in.
resource-unknown = This API resource is unknown, or was not asked for at sign-in: add it to logto.resources and sign in again.
no-refresh-token = Signing in gave no refresh token: keep the scope offline_access and prompt = ["consent"]
subject-token-unusable = This token is unknown, used up or expired, or its user is suspended.
user-no-member = The user is not a member of this organization, or it does not exist.
user-no-access = The user of this token has no access to this app at the sign-in service.
not-verified = Confirm first that it is you: that has not happened, or more than ten minutes ago.

## What there is to click

action-sign-in = Sign in
action-sign-in-again = Sign in again
action-sign-in-as-someone-else = Sign in as someone else
action-home = Go to the home page
action-try-again = Try again
action-sign-out = Sign out
action-stay-signed-in = Stay signed in
action-stay-signed-in-as = Stay signed in as { $name }
action-continue = Continue
action-cancel = Cancel

## Around it

# Before the id that is also in the log.
reference = Reference:

for-the-developer = For the developer
    .text = Only the debug profile shows this. It is the line in the log:
