# ข้อความของแอปเป็นภาษาไทย (HTML)

### Frame

app = บันทึกของทีม
skip = ข้ามไปยังเนื้อหา
notice = ประกาศ
dev-provider = <strong>ผู้ให้บริการสำหรับการพัฒนา</strong> บัญชีในที่นี้เป็นบัญชีสมมติ หากต้องการเข้าสู่ระบบด้วย Logto ให้ตั้งค่า <code>LOGTO_ENDPOINT</code> และ <code>LOGTO_APP_ID</code>
pages = หน้าต่าง ๆ
developer-pages = หน้าสำหรับนักพัฒนา
nav-notes = บันทึกของฉัน
nav-teams = ทีม
nav-developer = สำหรับนักพัฒนา
nav-id-token = ID token
nav-userinfo = Userinfo
nav-organizations = องค์กร
nav-apis = API
account-menu = เมนูบัญชี
account = บัญชีของคุณ
session = เซสชันของคุณ
sign-in = เข้าสู่ระบบ
sign-up = สมัครใช้งาน
sign-out = ออกจากระบบ
language = ภาษา
moment = { $day } { $month ->
    [1] มกราคม
    [2] กุมภาพันธ์
    [3] มีนาคม
    [4] เมษายน
    [5] พฤษภาคม
    [6] มิถุนายน
    [7] กรกฎาคม
    [8] สิงหาคม
    [9] กันยายน
    [10] ตุลาคม
    [11] พฤศจิกายน
   *[12] ธันวาคม
} { $buddhist_year } เวลา { $clock } UTC

### Home

home = หน้าแรก
signed-in-as = คุณเข้าสู่ระบบในชื่อ
user-id = รหัสผู้ใช้
signed-out = คุณออกจากระบบแล้ว
home-title = จดบันทึกเพื่อตัวคุณและทีมของคุณ
home-lead = จดสิ่งที่ไม่อยากลืม เก็บไว้ดูคนเดียว หรือแบ่งปันกับทีมที่คุณอยู่
home-next = ไปที่ไหนต่อ
home-notes = มีเพียงคุณที่อ่านได้
home-teams = บันทึกที่ทุกคนในทีมอ่านได้ บทบาทในทีมกำหนดว่าใครลบได้
home-account = ข้อมูลของคุณที่บริการเข้าสู่ระบบบอกกับแอป
home-session = คุณเข้าสู่ระบบอยู่ที่ใดบ้าง และวิธีสิ้นสุดเซสชัน
home-how = วิธีใช้งาน
home-how-notes-title = บันทึกของคุณเอง
home-how-notes = เข้าสู่ระบบแล้วเริ่มเขียน คนอื่นไม่เห็น
home-how-teams-title = บันทึกของทีม
home-how-teams = สมาชิกขององค์กรอ่านและเขียนด้วยกัน
home-how-developer-title = สำหรับนักพัฒนา
home-how-developer = แอปนี้สร้างด้วย rocket_logto ระบบเข้าสู่ระบบสำหรับ Rocket ดูว่าแอปรู้อะไรบ้าง และโค้ดเบื้องหลัง

### Notes

notes-lead = มีเพียงคุณที่อ่านบันทึกในหน้านี้ได้
team-lead = ทุกคนในทีมอ่านและเขียนที่นี่ คุณลบได้เฉพาะบันทึกที่คุณเขียน
team-lead-keeper = ทุกคนในทีมอ่านและเขียนที่นี่ คุณลบบันทึกใดก็ได้
note-new = บันทึกใหม่
note-text = ข้อความ
note-limit = ไม่เกิน { $longest } ตัวอักษร
note-add = เพิ่มบันทึก
note-delete = ลบ
notes-list = บันทึก
notes-none = ยังไม่มีบันทึก
note-by = { $author }
note-added = เพิ่มบันทึกแล้ว
note-deleted = ลบบันทึกแล้ว
note-gone = บันทึกนั้นถูกลบไปแล้ว
note-empty = กรุณาเขียนข้อความก่อน
note-too-long = ข้อความยาวเกินไป เขียนได้ไม่เกิน { $longest } ตัวอักษร
note-no-room = ที่นี่มีบันทึก { $most } รายการแล้ว และเพิ่มไม่ได้อีก กรุณาลบบางรายการก่อน
not-yours-title = บันทึกนี้ไม่ใช่ของคุณ
not-yours-advice = ผู้ที่ลบได้มีเพียงผู้เขียน และผู้ที่มีบทบาท “admin” ในทีม

### Teams

teams-title = ทีมของคุณ
teams-lead = ทีมคือองค์กรที่คุณเป็นสมาชิกอยู่ในบริการเข้าสู่ระบบ
teams-none = คุณยังไม่อยู่ในทีมใด

### Account

account-lead = นี่คือข้อมูลของคุณที่บริการเข้าสู่ระบบบอกกับแอป คุณแก้ไขได้ที่บริการนั้น
account-data = ข้อมูลของคุณ
account-name = ชื่อ
account-username = ชื่อผู้ใช้
account-email = อีเมล
account-phone = หมายเลขโทรศัพท์
account-unknown = ไม่ทราบ
account-sessions = คุณเข้าสู่ระบบอยู่ที่ใดบ้าง
account-claims = ทุกอย่างที่แอปรู้
account-language = ภาษา
account-language-words = เลือกภาษาได้ที่ท้ายทุกหน้า

### Errors

error-code = ข้อผิดพลาด { $code }
reference = หมายเลขอ้างอิง
go-home = ไปหน้าแรก
not-found-title = ไม่พบหน้านี้
not-found-advice = ไม่มีอะไรอยู่ที่ที่อยู่นี้ อาจพิมพ์ผิด หรือหน้าถูกย้ายไปแล้ว
not-understood-title = ไม่เข้าใจคำขอนี้
not-understood-advice = ได้รับคำขอแล้ว แต่ใช้เนื้อหาไม่ได้ กรุณาย้อนกลับไปตรวจสิ่งที่กรอก แล้วลองอีกครั้ง
our-fault-title = เกิดข้อผิดพลาดที่ฝั่งเรา
our-fault-advice = ไม่ใช่ความผิดของคุณ และเราได้บันทึกไว้แล้ว อีกสักครู่ลองใหม่อาจได้ผล
not-now-title = ขณะนี้ใช้งานไม่ได้
not-now-advice = ส่วนหนึ่งของแอปไม่ตอบสนอง เราได้บันทึกไว้แล้ว กรุณาลองอีกครั้งในอีกสักครู่
other-error-advice = ไม่สามารถตอบคำขอนี้ได้

### Session

session-title = เซสชัน
session-heading = เซสชันของคุณ
session-lead = คุณเข้าสู่ระบบในชื่อ <bdi>{ $name }</bdi> ในเบราว์เซอร์นี้ สิ่งที่แอปรู้เกี่ยวกับคุณถูกเข้ารหัสไว้ และมีเพียงแอปที่อ่านได้
done-refreshed = ผู้ให้บริการยืนยันบัญชีของคุณแล้ว และข้อมูลเป็นปัจจุบัน
done-forgotten = ลืมโทเคนที่เก็บไว้แล้ว
done-ended = เซสชันสิ้นสุดแล้ว
done-gone = เซสชันนั้นสิ้นสุดไปก่อนแล้ว
done-others = เซสชันอื่นทั้งหมดของคุณสิ้นสุดแล้ว
times = เวลา
time-signed-in = เข้าสู่ระบบเมื่อ
time-authenticated = ยืนยันตัวตนล่าสุด
time-refreshed = ปรับปรุงข้อมูลล่าสุด
time-ends-unused = สิ้นสุดหากไม่ใช้งาน
time-ends = สิ้นสุดไม่ว่ากรณีใด
devices = ที่ที่คุณเข้าสู่ระบบอยู่
unknown-browser = เบราว์เซอร์ที่ไม่รู้จัก
this-browser = (เบราว์เซอร์นี้)
device-signed-in = เข้าสู่ระบบ
device-last-used = ใช้ล่าสุด
end-session = สิ้นสุดเซสชันนี้
devices-advice = หากมีรายการที่คุณไม่รู้จัก ให้สิ้นสุดรายการนั้น เวลาที่ใช้ล่าสุดอาจช้ากว่าจริงได้ถึงหนึ่งนาที
end-others = สิ้นสุดรายการอื่นทั้งหมด
sign-out-everywhere = ออกจากระบบทุกที่
devices-in-cookies = แอปนี้เก็บเซสชันไว้ในคุกกี้ของแต่ละเบราว์เซอร์ จึงแสดงรายการไม่ได้ หากต้องการดูและสิ้นสุดเซสชันในเบราว์เซอร์อื่นจากที่นี่ ให้ตั้งค่า <code>session.store</code> เป็นเซิร์ฟเวอร์ Redis
account-pages = วิธีเข้าสู่ระบบของคุณ
account-pages-words = รหัสผ่าน พาสคีย์ และการยืนยันขั้นที่สองของคุณอยู่ที่บริการเข้าสู่ระบบ หน้าเหล่านั้นจะพากลับมาที่นี่
account-security = ตั้งค่าความปลอดภัย
account-password = เปลี่ยนรหัสผ่าน
account-passkey = เพิ่มพาสคีย์

ask-again = ถามผู้ให้บริการอีกครั้ง
ask-again-words = การปรับปรุงทำให้ข้อมูลของคุณเป็นปัจจุบัน และตรวจว่าบัญชียังใช้งานได้ หากบัญชีถูกระงับหรือลบ คุณจะออกจากระบบทันที แอปจะปรับปรุงเองเมื่อการปรับปรุงล่าสุดเก่ากว่า { $age }
ask-again-dev = หากต้องการเห็นว่าเซสชันจะเป็นอย่างไร ให้ระงับบัญชีของคุณเองที่<a href="{ $page }" target="_blank" rel="noopener">หน้าของผู้ให้บริการสำหรับการพัฒนา</a> ซึ่งจะแจ้งแอปทันที ส่วนบทบาทที่เปลี่ยนที่นั่นจะปรากฏหลังจากกด “ปรับปรุงตอนนี้”
ask-again-tokens = โทเคนสำหรับ API และองค์กรจะเก็บไว้จนใกล้หมดอายุ หากบทบาทของคุณเปลี่ยน ให้ลืมโทเคนเหล่านั้น หน้าถัดไปที่ต้องใช้จะขอโทเคนใหม่
refresh-now = ปรับปรุงตอนนี้
forget-tokens = ลืมโทเคนที่เก็บไว้
authenticate-again = ยืนยันตัวตนอีกครั้ง
authenticate-again-words = เซสชันอยู่ได้หลายวัน สำหรับเรื่องสำคัญ เช่น การชำระเงิน แอปขอให้คุณเพิ่งเข้าสู่ระบบกับผู้ให้บริการเมื่อสักครู่ได้
authenticate-again-link = เปิดหน้าที่ต้องเข้าสู่ระบบภายในห้านาทีที่ผ่านมา
second-factor-words = แอปยังขอให้ยืนยันตัวตนขั้นที่สองได้ด้วย เช่น รหัสจากแอป เมื่อรหัสผ่านอย่างเดียวไม่พอ
second-factor-ask = ขอการยืนยันตัวตนขั้นที่สอง
not-refreshed-title = ปรับปรุงไม่สำเร็จ
not-refreshed-denied = ปรับปรุงการเข้าสู่ระบบนี้ไม่ได้ เพราะแอปไม่ได้รับอนุญาต คุณยังอยู่ในระบบ หมายเลขอ้างอิง: { $reference }
not-refreshed-no-access = คุณไม่มีสิทธิ์เข้าใช้แอปนี้ที่บริการเข้าสู่ระบบแล้ว ผู้ดูแลแอปที่นั่นให้สิทธิ์คืนได้ หมายเลขอ้างอิง: { $reference }
not-refreshed-misconfigured = แอปนี้ตั้งค่าไม่ถูกต้อง การลองใหม่จึงไม่ช่วย คุณยังอยู่ในระบบ หมายเลขอ้างอิง: { $reference }
not-refreshed-unreachable = ติดต่อบริการเข้าสู่ระบบไม่ได้ กรุณาลองอีกครั้งในอีกสักครู่ คุณยังอยู่ในระบบ หมายเลขอ้างอิง: { $reference }
recent-title = เพิ่งเข้าสู่ระบบ
recent-heading = เป็นคุณจริง ๆ
recent-lead = หน้านี้เปิดให้เฉพาะ <bdi>{ $name }</bdi> และภายในราวห้านาทีหลังเข้าสู่ระบบกับผู้ให้บริการเท่านั้น
recent-later = หลังจากนั้น
recent-later-words = หากโหลดหน้านี้อีกในภายหลัง ผู้ให้บริการจะขอให้คุณเข้าสู่ระบบอีกครั้งก่อนกลับมาที่นี่
recent-back = กลับไปที่เซสชันของคุณ
second-factor-title = เข้าสู่ระบบด้วยการยืนยันตัวตนสองขั้น
second-factor-heading = ยืนยันตัวตนสองขั้นแล้ว
second-factor-lead = หน้านี้เปิดให้เฉพาะ <bdi>{ $name }</bdi> และหลังเข้าสู่ระบบด้วยการยืนยันตัวตนขั้นที่สองเท่านั้น
second-factor-said = ผู้ให้บริการบอกอะไรเกี่ยวกับการเข้าสู่ระบบของคุณ
second-factor-later-words = มีผลตลอดเซสชันนี้ หน้าที่ต้องยืนยันตัวตนขั้นที่สองจะไม่ถามอีก
ended-title = ออกจากระบบแล้ว
ended-heading = คุณถูกออกจากระบบ
ended-lead = บริการเข้าสู่ระบบไม่ยอมรับเซสชันของคุณแล้ว ลองเข้าสู่ระบบอีกครั้ง หากไม่ได้ผล กรุณาสอบถามผู้ดูแลบัญชีของคุณ
sign-in-again = เข้าสู่ระบบอีกครั้ง

### Developer

developer-title = สำหรับนักพัฒนา
developer-lead = แอปนี้แสดงการใช้ <strong>rocket_logto</strong> ติดตั้ง fairing หนึ่งตัว ใส่ guard ในอาร์กิวเมนต์ของ handler แล้ว handler จะทำงานเฉพาะเมื่อมีผู้เข้าสู่ระบบ
developer-list = เบื้องหลังการเข้าสู่ระบบ
id-token-title = Claim ใน ID token
id-token-card = สิ่งที่ผู้ให้บริการบอกเกี่ยวกับคุณเมื่อเข้าสู่ระบบ ตรวจสอบครั้งเดียว แล้วอ่านจากเซสชันโดยไม่ต้องเรียกเครือข่าย
id-token-lead = สิ่งที่ผู้ให้บริการบอกเกี่ยวกับคุณเมื่อเข้าสู่ระบบ ลายเซ็นได้รับการตรวจสอบแล้ว และการอ่านไม่ต้องเรียกเครือข่าย
userinfo-title = Userinfo
userinfo-card = สิ่งที่ผู้ให้บริการบอกเกี่ยวกับคุณในขณะนี้ ขอใหม่ทุกครั้งที่เปิดหน้า
userinfo-lead = สิ่งที่ผู้ให้บริการบอกเกี่ยวกับคุณในขณะนี้ Claim ที่คุณยังไม่ได้กรอกเป็น null ส่วน claim ที่แอปไม่ได้ขอจะไม่มีอยู่
organizations-title = องค์กร
organizations-heading = องค์กรของคุณ
organizations-card = องค์กรที่คุณอยู่ และสิ่งที่โทเคนของแต่ละองค์กรอนุญาต
organizations-lead = องค์กรที่คุณอยู่ พร้อมบทบาทของคุณ เปิดดูโทเคนที่แอปได้รับสำหรับแต่ละองค์กรได้
organizations-none = คุณไม่ได้อยู่ในองค์กรใด
organizations-off-lead = แอปไม่ได้ขอข้อมูลองค์กรของคุณจากผู้ให้บริการ จึงไม่มีอะไรจะแสดง
organizations-off-words = องค์กรเป็นความสามารถของ Logto เมื่อใช้ Logto ให้เพิ่ม <code>{ $scope }</code> ใน <code>scopes</code> ของ <code>Rocket.toml</code> หรือใน <code>LOGTO_SCOPES</code> แล้วเข้าสู่ระบบอีกครั้ง
your-roles = บทบาทของคุณ
no-role = สมาชิกที่ไม่มีบทบาท
organization-lead = ผู้ให้บริการมอบโทเคนสำหรับองค์กรนี้ให้แอปในนามของคุณ สิ่งที่โทเคนอนุญาตขึ้นอยู่กับบทบาทของคุณที่นี่
organization-apis = API ภายในองค์กรนี้
organization-api-card = โทเคนสำหรับ API นี้ที่ใช้ได้เฉพาะในองค์กรนี้
organization-api-title = API ภายในองค์กร
organization-api-lead = โทเคนสำหรับ <code>{ $indicator }</code> ที่ใช้ได้เฉพาะในองค์กร <code>{ $organization }</code>
own-api = เรียก API ของแอปเอง
own-api-reports = แอปเรียก <code>/api/organizations/…/reports</code> ของตัวเองด้วยโทเคนของคุณสำหรับองค์กรนี้ เฉพาะผู้ที่ดูรายงานที่นี่ได้เท่านั้นที่ได้รับคำตอบ
own-api-cart = แอปเรียก <code>/api/cart</code> ของตัวเองด้วยโทเคนของคุณสำหรับ shopping API เฉพาะผู้ที่มีโทเคนนี้เท่านั้นที่ได้รับคำตอบ
apis-title = แหล่งข้อมูล API
apis-card = โทเคนสำหรับ API ที่แอปเรียกในนามของคุณได้ และตัวอย่างการเรียก
apis-lead = API ที่แอปนี้เรียกในนามของคุณได้ เปิดดูโทเคนที่แอปได้รับสำหรับแต่ละ API ได้
apis-one = โทเคนสำหรับ API นี้เท่านั้น
api-title = แหล่งข้อมูล API
api-lead = โทเคนที่ให้แอปนี้เรียก <code>{ $indicator }</code> ในนามของคุณ เก็บไว้จนใกล้หมดอายุ
apis-off-own = API ของแอปเองไม่ได้อยู่ในรายการที่ตั้งค่าไว้ จึงไม่มีโทเคนสำหรับ API นี้
apis-off-own-words = ลงทะเบียน <code>{ $api }</code> ที่ผู้ให้บริการ พร้อม scope <code>read</code> จากนั้นเพิ่มใน <code>resources</code> ของ <code>Rocket.toml</code> หรือใน <code>LOGTO_RESOURCES</code> และเพิ่ม <code>read</code> ใน <code>scopes</code>
apis-off = ยังไม่ได้ตั้งค่าแหล่งข้อมูล API เมื่อตั้งค่าแล้ว หน้านี้จะแสดงโทเคนที่แอปได้รับในนามของคุณ
apis-off-words = ลงทะเบียนแหล่งข้อมูล API ที่ผู้ให้บริการ (ในคอนโซลของ Logto อยู่ที่ <em>API resources</em>) จากนั้นเพิ่มตัวระบุใน <code>resources</code> ของ <code>Rocket.toml</code> หรือใน <code>LOGTO_RESOURCES</code> ผู้ให้บริการต้องรองรับ RFC 8707
apis-off-call = <a href="{ $page }">การเรียกด้วยโทเคน</a>ที่ผู้ให้บริการทุกรายมีให้ คือสำหรับ userinfo endpoint
call-title = การเรียกด้วยโทเคน
call-card = แอปเรียก userinfo endpoint ของผู้ให้บริการในนามของคุณ และแสดงโค้ดสามบรรทัดที่ใช้เรียก
call-lead = เพื่อแสดงหน้านี้ แอปได้เรียก <code>{ $endpoint }</code> ในนามของคุณ API ทุกตัวเรียกแบบนี้
call-code = โค้ดที่เรียก
call-answer = คำตอบ: { $status }
json-answer-title = คำตอบของ API
json-answer-card = JSON สำหรับโปรแกรม: รหัสของคุณหากเข้าสู่ระบบอยู่ หรือ 401 หากไม่ได้เข้าสู่ระบบ
claims = Claim
claims-json = ในรูปแบบ JSON
claims-none = ไม่มี
claims-nothing = ไม่มีอะไรจะแสดง
token-allows = สิ่งที่โทเคนอนุญาต
token-scopes = Scope
token-no-scopes = ไม่มี
token-expires = หมดอายุ
token-claims = Claim ของโทเคน
token-opaque = ไม่มี โทเคนนี้อ่านไม่ได้ มีเพียงผู้ให้บริการที่ออกโทเคนเท่านั้นที่อ่านได้
