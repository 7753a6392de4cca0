from detector.detection_cap import DetectionCap


def test_nothing_is_said_where_every_image_has_fewer():
    cap = DetectionCap(100)
    for found in (0, 50, 99):
        cap.add(found)
    assert (cap.images, cap.reached, cap.in_words()) == (3, 0, "")


def test_images_that_reached_it_are_counted_and_the_way_on_is_named():
    cap = DetectionCap(20)
    for found in (20, 3, 20):
        cap.add(found)
    assert cap.in_words("frame") == (
        "2 of 3 frames reached max_detections (20), and may hold more objects; "
        "--max-dets N raises it"
    )
