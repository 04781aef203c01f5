# The texts of the app in English. They are HTML; arguments are escaped.

### Frame

app = Team notes
skip = Skip to content
notice = Notice
dev-provider = <strong>Development provider.</strong> The accounts here are made up. Set <code>LOGTO_ENDPOINT</code> and <code>LOGTO_APP_ID</code> to sign in with Logto.
pages = Pages
developer-pages = Developer pages
nav-notes = My notes
nav-teams = Teams
nav-developer = Developer
nav-id-token = ID token
nav-userinfo = Userinfo
nav-organizations = Organizations
nav-apis = APIs
account-menu = Account menu
account = Your account
session = Your session
sign-in = Sign in
sign-up = Sign up
sign-out = Sign out
language = Language
moment = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }, { $clock } UTC

### Home

home = Home
signed-in-as = You are signed in as
user-id = User id
signed-out = You are signed out.
home-title = Notes for you, and&nbsp;for&nbsp;your&nbsp;team
home-lead = Write down what you do not want to forget. Keep it to yourself, or share it with a team you belong to.
home-next = Where to go
home-notes = Only you can read them.
home-teams = Notes that everybody in a team reads. The roles there decide who may delete.
home-account = What the sign-in service has told the app about you.
home-session = Where you are signed in, and how to end it.
home-how = How it works
home-how-notes-title = Your own notes
home-how-notes = Sign in, and write. Nobody else sees them.
home-how-teams-title = Notes of a team
home-how-teams = Members of an organization read and write them together.
home-how-developer-title = For developers
home-how-developer = The app is built with rocket_logto, sign-in for Rocket. See what it knows, and the code behind it.

### Notes

notes-lead = Only you can read what is here.
team-lead = Everybody in this team reads and writes here. You may delete what you wrote.
team-lead-keeper = Everybody in this team reads and writes here. You may delete any note.
note-new = New note
note-text = Text
note-limit = Up to { $longest } characters.
note-add = Add note
note-delete = Delete
notes-list = Notes
notes-none = There is no note yet.
note-by = { $author }
note-added = The note is added.
note-deleted = The note is deleted.
note-gone = That note was deleted already.
note-empty = Write something first.
note-too-long = This is too long: up to { $longest } characters fit.
note-no-room = There are { $most } notes here, and there is no room for more. Delete some first.
not-yours-title = This note is not yours
not-yours-advice = Only its author may delete it, and those who have the role “admin” in the team.

### Teams

teams-title = Your teams
teams-lead = A team is an organization that you belong to at the sign-in service.
teams-none = You do not belong to a team yet.

### Account

account-lead = This is what the sign-in service has told the app about you. You can change it there.
account-data = About you
account-name = Name
account-username = User name
account-email = Email
account-phone = Phone number
account-unknown = Not known
account-sessions = Where you are signed in
account-claims = All that the app knows
account-language = Language
account-language-words = Choose the language at the foot of any page.

### Errors

error-code = Error { $code }
reference = Reference
go-home = Go to the home page
not-found-title = Page not found
not-found-advice = There is nothing at this address. It may have been mistyped, or the page has moved.
not-understood-title = This request could not be understood
not-understood-advice = The request arrived, but its contents could not be used. Go back, check what you entered and try again.
our-fault-title = Something went wrong on our side
our-fault-advice = It is not your fault, and it has been logged. Trying again in a moment may help.
not-now-title = This does not work right now
not-now-advice = A part of the app does not answer. It has been logged. Please try again in a moment.
other-error-advice = The request could not be answered as asked.

### Session

session-title = Session
session-heading = Your session
session-lead = You are signed in as <bdi>{ $name }</bdi> in this browser. What the app knows about you is stored encrypted, and only the app can read it.
done-refreshed = The provider has confirmed your account, and your claims are up to date.
done-forgotten = The cached tokens are forgotten.
done-ended = The session has ended.
done-gone = That session had ended already.
done-others = All your other sessions have ended.
times = Times
time-signed-in = Signed in
time-authenticated = Last authenticated
time-refreshed = Last refresh
time-ends-unused = Ends if unused
time-ends = Ends in any case
devices = Where you are signed in
unknown-browser = Unknown browser
this-browser = (this browser)
device-signed-in = Signed in
device-last-used = Last used
end-session = End this session
devices-advice = If you do not recognise one of them, end it. The time of the last use may be up to a minute behind.
end-others = End all others
sign-out-everywhere = Sign out everywhere
devices-in-cookies = This app keeps each session in the cookies of its browser, so it cannot list them. To see and end your sessions in other browsers here, keep them in a store: set <code>session.store</code> to a Redis server.
account-pages = How you sign in
account-pages-words = Your password, passkeys and second factors are kept by the sign-in service. Its pages lead back here.
account-security = Security settings
account-password = Change the password
account-passkey = Add a passkey

ask-again = Ask the provider again
ask-again-words = A refresh brings your claims up to date and checks that your account is still active. If it has been suspended or deleted, you are signed out right away. The app refreshes by itself when the last refresh is older than&nbsp;{ $age }.
ask-again-dev = To see what becomes of a session, suspend yourself on the <a href="{ $page }" target="_blank" rel="noopener">page of the development provider</a>: it tells the app at once. Roles that you change there show after “Refresh now”.
ask-again-tokens = Tokens for APIs and organizations are kept until shortly before they expire. If your roles have changed, forget them: the next page that needs a token fetches a new one.
refresh-now = Refresh now
forget-tokens = Forget cached tokens
authenticate-again = Authenticate again
authenticate-again-words = A session lasts for days. For sensitive actions, such as a payment, an app can require that you signed in at the provider only moments ago.
authenticate-again-link = Open a page that needs a sign-in within the last five minutes
second-factor-words = It can also require a second factor, such as a code from an app, where a password alone would not be enough.
second-factor-ask = Ask for a second factor
not-refreshed-title = Not refreshed
not-refreshed-denied = This sign-in cannot be refreshed: the app was not allowed to. You are still signed in. Reference: { $reference }
not-refreshed-no-access = You no longer have access to this app at the sign-in service. Whoever manages the app there can give it again. Reference: { $reference }
not-refreshed-misconfigured = This app is not set up correctly, so trying again will not help. You are still signed in. Reference: { $reference }
not-refreshed-unreachable = The sign-in service could not be reached. Please try again in a moment. You are still signed in. Reference: { $reference }
recent-title = Signed in just now
recent-heading = It is you
recent-lead = This page opens only for <bdi>{ $name }</bdi>, and only within about five minutes of a sign-in at the provider.
recent-later = After that
recent-later-words = Reload this page later, and the provider asks you to sign in again before you come back here.
recent-back = Back to your session
second-factor-title = Signed in with a second factor
second-factor-heading = Two factors
second-factor-lead = This page opens only for <bdi>{ $name }</bdi>, and only after a sign-in with a second factor.
second-factor-said = What the provider says of your sign-in
second-factor-later-words = It stays so for this session: pages that need a second factor do not ask for it again.
ended-title = Signed out
ended-heading = You have been signed out
ended-lead = The sign-in service no longer accepts your session. Signing in again may help; if it does not, ask whoever runs your account.
sign-in-again = Sign in again

### Developer

developer-title = For developers
developer-lead = This app shows <strong>rocket_logto</strong>: attach one fairing, put a guard among a handler’s arguments, and the handler runs only for people who are signed in.
developer-list = Behind the sign-in
id-token-title = ID token claims
id-token-card = What the provider said about you when you signed in. Verified once, then read from your session without any network call.
id-token-lead = What the provider said about you when you signed in. The signature has been verified, and reading it costs no network call.
userinfo-title = Userinfo
userinfo-card = What the provider says about you right now, fetched each time the page is opened.
userinfo-lead = What the provider says about you right now. Claims you have not filled in are null; claims the app did not ask for are left out.
organizations-title = Organizations
organizations-heading = Your organizations
organizations-card = The ones you belong to, and what a token for each of them allows.
organizations-lead = Each one you belong to, with your roles in it. Open one to see the token the app gets for it.
organizations-none = You do not belong to any organization.
organizations-off-lead = The app does not ask the provider for your organizations, so there are none to show.
organizations-off-words = They are Logto’s own. At a Logto, add <code>{ $scope }</code> to <code>scopes</code> in <code>Rocket.toml</code> or to <code>LOGTO_SCOPES</code>, and sign in again.
your-roles = Your roles
no-role = Member without a role
organization-lead = The provider gave the app a token for this organization in your name. What it allows depends on your roles here.
organization-apis = APIs within this organization
organization-api-card = A token for this API that is valid in this organization only.
organization-api-title = API within an organization
organization-api-lead = The token for <code>{ $indicator }</code> that is valid in the organization <code>{ $organization }</code> only.
own-api = A call to the app’s own API
own-api-reports = The app calls its own <code>/api/organizations/…/reports</code> with your token for this organization. Only callers who may view reports here get a response.
own-api-cart = The app calls its own <code>/api/cart</code> with your token for the shopping API. Only callers with such a token get a response.
apis-title = API resources
apis-card = Tokens for the APIs that the app may call in your name, and a call made with one.
apis-lead = The APIs this app may call in your name. Open one to see the token the app gets for it.
apis-one = A token for this API and no other.
api-title = API resource
api-lead = The token that lets this app call <code>{ $indicator }</code> in your name. It is kept until shortly before it expires.
apis-off-own = The app’s own API is not among the configured ones, so there are no tokens for it.
apis-off-own-words = Register <code>{ $api }</code> at the provider, with the scope <code>read</code>, then add it to <code>resources</code> in <code>Rocket.toml</code> or to <code>LOGTO_RESOURCES</code>, and <code>read</code> to <code>scopes</code>.
apis-off = No API resource is configured. With one, this page shows the token that the app gets for it in your name.
apis-off-words = Register an API resource at the provider, in Logto’s console under <em>API resources</em>, then add its indicator to <code>resources</code> in <code>Rocket.toml</code> or to <code>LOGTO_RESOURCES</code>. A provider has to know RFC 8707 for that.
apis-off-call = <a href="{ $page }">A call with a token</a> that every provider gives: for its userinfo endpoint.
call-title = A call with a token
call-card = The app calls the provider’s userinfo endpoint in your name, and shows the three lines of code that do it.
call-lead = To show this page, the app called <code>{ $endpoint }</code> in your name. Every API is called like this:
call-code = The call
call-answer = The answer: { $status }
json-answer-title = An API answer
json-answer-card = JSON for programs: your id if you are signed in, a plain 401 if you are not.
claims = Claims
claims-json = As JSON
claims-none = None
claims-nothing = There is nothing to show.
token-allows = What the token allows
token-scopes = Scopes
token-no-scopes = None
token-expires = Expires
token-claims = Claims of the token
token-opaque = None: this token is opaque. Only the provider that issued it can read it.
