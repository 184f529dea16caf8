#!/bin/sh
# Takes mail as a mail server does (SMTP, RFC 5321), on standard input and output, and
# puts each one into a file of its own in /run/lvs-dr/mail. Good enough to show what is
# sent; on a network of your own, name a real mail server in ipvsd.conf.
folder=/run/lvs-dr/mail
end=$(printf '\r')

reply() { printf '%s\r\n' "$1"; }

reply "220 mail"
while IFS= read -r line; do
    case ${line%"$end"} in
    [Ee][Hh][Ll][Oo]* | [Hh][Ee][Ll][Oo]*) reply "250 mail" ;;
    [Mm][Aa][Ii][Ll]* | [Rr][Cc][Pp][Tt]* | [Rr][Ss][Ee][Tt]) reply "250 yes" ;;
    [Dd][Aa][Tt][Aa])
        reply "354 until a dot alone"
        mail=$(mktemp "$folder/tmp.XXXXXX")
        while IFS= read -r line && [ "${line%"$end"}" != . ]; do
            printf '%s\n' "${line%"$end"}"
        done >"$mail"
        # Only whole mails have their name.
        mv "$mail" "$folder/mail.${mail##*.}"
        reply "250 taken"
        ;;
    [Qq][Uu][Ii][Tt])
        reply "221 bye"
        exit
        ;;
    *) reply "500 what?" ;;
    esac
done
