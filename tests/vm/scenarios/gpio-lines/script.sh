settle
[ -c /dev/gpiochip0 ] || fail "there is no GPIO character device"
expect "gpiochip0 0" "$(gpiofind fan0-present)" "the first line's name"
expect "gpiochip0 1" "$(gpiofind fan0-power)" "the second line's name"

for level in Y N Y; do
    echo $level > "$GPIO/fan0-present/pull"
    wanted=0
    [ $level = N ] || wanted=1
    expect $wanted "$(gpioget gpiochip0 0)" "what a program reads while the world pulls $level"
done
expect "in" "$(cat "$GPIO/fan0-present/direction")" "direction of a line that is read"

for level in 1 0; do
    gpioset gpiochip0 1=$level
    expect "out" "$(cat "$GPIO/fan0-power/direction")" "direction of a line that is driven"
    expect $level "$(cat "$GPIO/fan0-power/level")" "what the world sees"
done

say "a line that nothing pulls, and one that cannot be read"
expect "none" "$(cat "$GPIO/fan0-present/fault")" "a line's fault"
echo floating > "$GPIO/fan0-present/fault"
first=$(gpioget gpiochip0 0)
expect "$((1 - first)) $first" "$(gpioget gpiochip0 0) $(gpioget gpiochip0 0)" "readings of a floating line after $first"
echo error > "$GPIO/fan0-present/fault"
expect_status 1 gpioget gpiochip0 0
echo none > "$GPIO/fan0-present/fault"
expect 1 "$(gpioget gpiochip0 0)" "the line once it is whole again"

# A line that one program holds is refused to the next.
gpioset --mode=signal gpiochip0 1=1 < /dev/null &
holder=$!
line_is_high() {
    [ "$(cat "$GPIO/fan0-power/level")" = 1 ]
}
wait_until 30 line_is_high
gpioget gpiochip0 1 2> /dev/null && fail "two programs hold one line"
kill $holder
wait $holder || true
expect 1 "$(gpioget gpiochip0 0)" "the other line"
